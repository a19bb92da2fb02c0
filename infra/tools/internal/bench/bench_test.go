package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) {
	if code, was := Child(); was {
		os.Exit(code)
	}
	testkit.Main(m)
}

// TestTheHarnessMeasuresAndLeavesNothing runs the shortest measurement there is: no figure is checked, since the machine may be busy.
func TestTheHarnessMeasuresAndLeavesNothing(t *testing.T) {
	for only, row := range map[string]string{"spread": "| " + runPgbench, "201 to leaf": "| " + runPipeline, "first byte": "| " + runReceipts} {
		t.Setenv("TMPDIR", t.TempDir())
		require.NoError(t, os.Chmod(os.Getenv("TMPDIR"), 0o755))
		var out bytes.Buffer
		figures := filepath.Join(t.TempDir(), "figures.json")
		cfg, err := Parse([]string{"-seconds=2", "-warmup=0", "-rounds=1", "-customers=100", "-rate=50", "-only=" + only, "-json=" + figures}, &out)
		require.NoError(t, err)
		require.NoError(t, Run(t.Context(), cfg), out.String())
		require.Contains(t, out.String(), row)
		text, err := os.ReadFile(figures)
		require.NoError(t, err)
		var rep report
		require.NoError(t, json.Unmarshal(text, &rep))
		require.NotEmpty(t, rep.Runs)
		for _, r := range rep.Runs { // not all of what was offered: a busy machine sheds
			require.Positive(t, r.PerSecond, "%s: %s", r.Name, out.String())
			require.True(t, r.Name != runPipeline && r.Name != runReceipts || r.Sales > 0, out.String())
		}
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

// tenSeconds is what an open loop saw that was offered 1000 sales a second for five seconds and took ten.
func tenSeconds(name string) result {
	seen := &sample{offered: 1000, lasted: 10 * time.Second}
	seen.add(slices.Repeat([]time.Duration{time.Millisecond}, 5000), 0)
	res := seen.result(nil)
	res.Name = name
	return res
}

func TestALoadThatDoesNotKeepUpIsReportedAtWhatItSustained(t *testing.T) {
	rep := report{Rate: 1000, Seconds: 5, Rounds: 1, Runs: []result{
		tenSeconds(runPipeline), tenSeconds(runOpen),
		{Name: runPgbenchSingle, MeanUS: 1000, PerSecond: 1000},
	}}
	for _, r := range rep.Runs[:2] {
		require.InDelta(t, 500, r.PerSecond, 1, r.Name)
		require.Contains(t, r.String(), "500/s of 1000/s offered")
	}
	var out bytes.Buffer
	require.NoError(t, rep.print(&out))
	require.Len(t, rep.Figures, 2)
	for _, f := range rep.Figures {
		require.False(t, f.Met, "%s: at a lower rate it proves nothing", f.Name)
	}
	require.Contains(t, out.String(), `of 1000/s offered to "engine, open loop, 201 to leaf" 500/s were answered, over 10.0 s`)
	require.NotContains(t, out.String(), `to "pgbench`)
}

func TestALoadThatKeepsUpIsReportedWithoutAWord(t *testing.T) {
	seen := &sample{offered: 1000, lasted: 5050 * time.Millisecond}
	seen.add(slices.Repeat([]time.Duration{time.Millisecond}, 5000), 0)
	require.False(t, seen.result(nil).fellShort())
	require.NotContains(t, seen.result(nil).String(), "offered")
}

func TestWhatPgbenchSaysIsRead(t *testing.T) {
	const busy = "duration: 2 s\nnumber of transactions actually processed: 0\nnumber of failed transactions: 0 (NaN%)\n"
	res, err := readPgbench([]byte(busy), nil)
	require.NoError(t, err, "a machine that is too busy for a single one")
	require.Zero(t, res.Sales)
	res, err = readPgbench([]byte("number of transactions actually processed: 40\nnumber of failed transactions: 2 (5.000%)\n"+
		"latency average = 1.500 ms\ntps = 19.5 (without initial connection time)\n"), nil)
	require.NoError(t, err)
	require.Equal(t, result{PerSecond: 19.5, Sales: 40, Failed: 2, MeanUS: 1500, CPU: map[string]number{}}, res)
	_, err = readPgbench([]byte("pgbench: error: connection refused\n"), nil)
	require.ErrorContains(t, err, "connection refused")
}

func TestOnlyRunsAtFullLoadTellOfItsMemory(t *testing.T) {
	for _, s := range (Config{}).steps() {
		require.Equal(t, strings.Contains(s.name, "connections"), s.full, s.name)
	}
}

func TestAWrongFlagIsNamed(t *testing.T) {
	for _, args := range [][]string{{"-seconds=0"}, {"-rounds=99"}, {"-preload=-1"}, {"-rate=0"}, {"more"}} {
		_, err := Parse(args, &bytes.Buffer{})
		require.Error(t, err, args)
	}
}
