package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) {
	if code, was := Child(); was {
		os.Exit(code)
	}
	testkit.Main(m)
}

// TestTheHarnessMeasuresAndLeavesNothing runs the shortest measurement there is: no figure is looked at, the machine may be busy.
func TestTheHarnessMeasuresAndLeavesNothing(t *testing.T) {
	for only, figure := range map[string]string{
		"spread": "| gateway at 256 connections ÷ pgbench one by one", "201 to leaf": "| at 50/s: 201 to leaf in the journal, p99 ms",
	} {
		t.Setenv("TMPDIR", t.TempDir())
		require.NoError(t, os.Chmod(os.Getenv("TMPDIR"), 0o755))
		var out bytes.Buffer
		json := filepath.Join(t.TempDir(), "figures.json")
		cfg, err := Parse([]string{"-seconds=2", "-warmup=0", "-rounds=1", "-customers=100", "-rate=50", "-only=" + only, "-json=" + json}, &out)
		require.NoError(t, err)
		require.NoError(t, Run(t.Context(), cfg), out.String())
		require.Contains(t, out.String(), figure)
		if only != "spread" { // which sheds on a busy machine
			require.NotContains(t, out.String(), "not recorded")
		}
		require.FileExists(t, json)
		left, err := os.ReadDir(os.Getenv("TMPDIR"))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestFiguresAreComparedWithTheirTargets(t *testing.T) {
	rep := report{Rate: 1000, MemoryMB: 200, Runs: []result{
		{Name: runPgbench, PerSecond: 100},
		{Name: runSpread, PerSecond: 240},
		{Name: runSpread, PerSecond: 300},
		{Name: runSpread, PerSecond: 900},
		{Name: runPgbenchSingle, MeanUS: 1000, PerSecond: 1000},
		{Name: runOpen, P99US: 7000, Sales: 10},
	}}
	rep.figures()
	met := map[string]bool{}
	for _, f := range rep.Figures {
		met[f.Name] = f.Met
	}
	require.Equal(t, map[string]bool{
		"gateway at 256 connections ÷ pgbench one by one (64 clients)": true, // the median is 3
		"p99 at 1000/s open loop ÷ pgbench's single-client mean":       true,
		"gateway's memory at full load, MB":                            false,
	}, met)
}

func TestAWrongFlagIsNamed(t *testing.T) {
	for _, args := range [][]string{{"-seconds=0"}, {"-rounds=99"}, {"-preload=-1"}, {"-rate=0"}, {"more"}} {
		_, err := Parse(args, &bytes.Buffer{})
		require.Error(t, err, args)
	}
}
