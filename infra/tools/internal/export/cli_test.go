package export_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/export"
	"github.com/tillseal/tillseal/shared/testkit"
)

// database is a database alone, for records that are generated.
func database(t testing.TB) testkit.DB {
	t.Helper()
	return testkit.Database(t)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func exportTo(t testing.TB, url string, to io.Writer, args ...string) int {
	t.Helper()
	return export.Main(t.Context(), args, []string{"DB_URL=" + url}, to, t.Output())
}

func TestAWrongFlagIsNamedWithWhatWasExpected(t *testing.T) {
	period := []string{"-store", "s1", "-from", "2026-11-01", "-to", "2026-12-01"}
	with := func(args ...string) []string { return append(args, period...) }
	for want, args := range map[string][]string{
		"-closing or -store is missing": {"-format", "csv"},
		`-closing must be a terminal and the number of its closing, such as t1/7, not "t1"`: {"-closing", "t1"},
		`such as t1/7, not "t1/0"`:                                                      {"-closing", "t1/0"},
		`such as t1/7, not "t1~02/1"`:                                                   {"-closing", "t1~02/1"},
		`such as t1/7, not "/1"`:                                                        {"-closing", "/1"},
		"-closing and -from don't go together":                                          {"-closing", "t1/1", "-from", "2026-11-01"},
		"-closing and -store don't go together":                                         {"-closing", "t1/1", "-store", "s1"},
		`-format must be csv or jsonl, not "xml"`:                                       with("-format", "xml"),
		"-what must be one of records, lines, tenders, taxes, not \"all\"":              with("-what", "all"),
		"-what lines is a table of csv":                                                 with("-what", "lines", "-format", "jsonl"),
		"-force needs -out":                                                             with("-force"),
		"-out must be the name of a file":                                               with("-out", ""),
		`-store must be a store's id, such as s1, not "S 1"`:                            {"-store", "S 1"},
		`-terminal must be a terminal's id`:                                             with("-terminal", "t%"),
		`-zone must be a time zone of the IANA's, such as Asia/Kolkata, not "Kolkatta"`: with("-zone", "Kolkatta"),
		`-zone must be a time zone of the IANA's, such as Asia/Kolkata, not "Local"`:    with("-zone", "Local"),
		"-from is missing":                                                              {"-store", "s1", "-to", "2026-12-01"},
		"-to is missing":                                                                {"-store", "s1", "-from", "2026-12-01"},
		`-from must be a day such as 2026-11-01, or a time such as 2026-11-01T06:00:00+05:30, not "1.11.2026"`: {"-store", "s1", "-from", "1.11.2026"},
		"-to must be later than -from": {"-store", "s1", "-from", "2026-12-01", "-to", "2026-12-01"},
		`"x" is not expected`:          append(period, "x"),
		"not defined: -sesame":         with("-sesame"),
	} {
		out := run(t.Context(), t, "postgres://auditor@127.0.0.1/tillseal", args...)
		require.Equal(t, 2, out.code, want)
		require.Contains(t, out.stderr, want)
		require.Contains(t, out.stderr, "--help")
		require.Empty(t, out.stdout)
	}
	help := run(t.Context(), t, "", "--help")
	require.Zero(t, help.code)
	require.Contains(t, help.stdout, "DB_URL (required)")
	require.Contains(t, help.stdout, "Examples:")
}

func TestTheDatabasesURLIsNeverShown(t *testing.T) {
	db := database(t)
	for want, url := range map[string]string{
		"DB_URL is ":            "",
		"DB_URL must be ":       "http://auditor:sesame@127.0.0.1/x",
		"the auditor: ":         strings.Replace(db.Auditor, ":test@", ":sesame@", 1),
		"DB_URL as the auditor": "postgres://auditor:sesame@127.0.0.1:1/tillseal",
		"as the role of DB_URL, which must be the auditor's": db.Anchor,
	} {
		out := run(t.Context(), t, url, "-closing", "t1/1")
		require.Equal(t, 2, out.code, "%s: %s", want, out.stderr)
		require.Contains(t, out.stderr, want)
		require.NotContains(t, out.stderr, "sesame")
	}
}

func TestAFileIsThereWhenItIsWholeAndReplacesNoneUnasked(t *testing.T) {
	db := database(t)
	leave(t, db.Admin, "t1", 2000, nil)
	dir := t.TempDir()
	file := filepath.Join(dir, "november.csv")
	args := []string{"-store", "s1", "-from", seconds(0), "-to", seconds(2000), "-out", file}
	names := func() (all []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range entries {
			all = append(all, entry.Name())
		}
		return all
	}
	out := run(t.Context(), t, db.Auditor, args...)
	require.Zero(t, out.code, out.stderr)
	require.Empty(t, out.stdout)
	require.Equal(t, []string{"november.csv"}, names())
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 2001, bytes.Count(whole, []byte("\r\n")))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	out = run(t.Context(), t, db.Auditor, args...)
	require.Equal(t, 2, out.code)
	require.Contains(t, out.stderr, "-out: "+file+" is there already: name another file, or replace it with -force")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "mine", string(kept))
	require.Equal(t, []string{"november.csv"}, names())
	out = run(t.Context(), t, "postgres://auditor@127.0.0.1:1/tillseal", args...)
	require.Contains(t, out.stderr, "is there already", "it says so before it reads a month of records")

	out = run(t.Context(), t, db.Auditor, append(args, "-force")...)
	require.Zero(t, out.code, out.stderr)
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, whole, again)

	out = run(t.Context(), t, db.Auditor, "-closing", "t1/1", "-out", filepath.Join(dir, "none.csv"))
	require.Equal(t, 2, out.code, "there is no such closing")
	require.Equal(t, []string{"november.csv"}, names())
	out = run(t.Context(), t, db.Auditor, "-closing", "t1/1", "-out", filepath.Join(dir, "no", "folder.csv"))
	require.Equal(t, 2, out.code)
	require.Contains(t, out.stderr, "-out: ")
}

func TestAFileThatSomebodyMakesMeanwhileIsNotReplaced(t *testing.T) {
	db := database(t)
	leave(t, db.Admin, "t1", 10, nil)
	file := filepath.Join(t.TempDir(), "x.csv")
	tick := make(chan time.Time, 1)
	tick <- time.Now()
	theirs := func(string, ...any) { require.NoError(t, os.WriteFile(file, []byte("theirs"), 0o600)) }
	err := export.RunWith(t.Context(), tick, theirs, db.Auditor, io.Discard, "-store", "s1", "-from", seconds(0), "-to", seconds(10), "-out", file)
	require.ErrorContains(t, err, "is there already")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "theirs", string(kept))
}

// TestAStoppedExportLeavesNoFile stops it when the first warning says that it is under way.
func TestAStoppedExportLeavesNoFile(t *testing.T) {
	db := database(t)
	leave(t, db.Admin, "t1", 3000, nil)
	execute(t, db.Admin, "UPDATE sales.sale SET total = '1.00' WHERE record_number = 1200")
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var said strings.Builder
	stderr := writerFunc(func(p []byte) (int, error) {
		stop()
		return said.Write(p)
	})
	args := []string{"-store", "s1", "-from", seconds(0), "-to", seconds(3000), "-out", filepath.Join(dir, "x.csv")}
	require.Equal(t, 130, export.Main(ctx, args, []string{"DB_URL=" + db.Auditor}, io.Discard, stderr), said.String())
	require.Contains(t, said.String(), "stopped after ")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestAReaderThatGoesAwayGetsNoStackTrace(t *testing.T) {
	db := database(t)
	leave(t, db.Admin, "t1", 3000, nil)
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program, "-store", "s1", "-from", seconds(0), "-to", seconds(3000))
	cmd.Env = append(os.Environ(), asProgram+"=1", "DB_URL="+db.Auditor)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	read, write, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout = write
	require.NoError(t, cmd.Start())
	require.NoError(t, errors.Join(write.Close(), read.Close()))
	require.Error(t, cmd.Wait())
	require.NotContains(t, stderr.String(), "goroutine")
	require.NotContains(t, stderr.String(), "panic")

	failing := writerFunc(func([]byte) (int, error) { return 0, errors.New("the disk is full") })
	var said bytes.Buffer
	args := []string{"-store", "s1", "-from", seconds(0), "-to", seconds(3000)}
	require.Equal(t, 2, export.Main(t.Context(), args, []string{"DB_URL=" + db.Auditor}, failing, &said))
	require.Contains(t, said.String(), "write the export: the disk is full")
}
