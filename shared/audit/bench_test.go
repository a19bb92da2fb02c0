package audit_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/testkit"
)

// BenchmarkAudit audits 100,000 honest sales; the limit is 15,000 sales a second on two processors with Postgres beside.
func BenchmarkAudit(b *testing.B) {
	const n = 100_000
	s := newShop(b)
	s.batchOf = 4096
	db := written(b, s, n)
	for b.Loop() {
		began := time.Now()
		report := audited(b, db)
		require.Empty(b, report.Findings)
		b.Logf("%d sales/s", int64(n*time.Second/time.Since(began)))
	}
}

// BenchmarkIncrement audits what 100,000 honest sales have added to as many: alone in at most 10 s, and with a quarter of a core in at most 60 s.
func BenchmarkIncrement(b *testing.B) {
	const n = 100_000
	s := newShop(b)
	s.batchOf = 4096
	db := written(b, s, n)
	checkpoint := audited(b, db).Checkpoint
	s.write(b, db.Admin, 2*n)
	measure := func(name string, rest func(context.Context, time.Duration) error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				began, before := time.Now(), cpu(b)
				ours := backend{}
				report := audited(b, db, func(o *audit.Options) {
					o.Since = checkpoint
					if rest != nil {
						o.Rest = func(ctx context.Context, worked time.Duration) error {
							ours.see(b, db)
							return rest(ctx, worked)
						}
					}
				})
				require.Empty(b, report.Findings)
				require.Equal(b, int64(n), report.Records)
				took, used := time.Since(began), cpu(b)-before
				b.Logf("%s: %d %% of a core for the audit, %d %% for its session", took, 100*used/took, 100*ours.used/took)
			}
		})
	}
	measure("alone", nil)
	measure("quarter", audit.OnePart(audit.QuarterCore))
}

// BenchmarkMillion audits a million honest sales in at most 200 MB.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	s := newShop(b)
	s.batchOf = 4096
	db := written(b, s, n)
	s = nil // what made the sales is no part of the audit's memory
	for b.Loop() {
		debug.FreeOSMemory()
		before, most, seen := resident(b), 0, time.Time{}
		report := audited(b, db, func(o *audit.Options) {
			o.Progress = func(string, int64, int64) {
				if time.Since(seen) > 50*time.Millisecond {
					most, seen = max(most, resident(b)), time.Now()
				}
			}
		})
		require.Empty(b, report.Findings)
		b.Logf("%d MB, of which %d from before", most>>20, before>>20)
	}
}

// resident is this process's memory in bytes.
func resident(tb testing.TB) int {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(tb, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(tb, err)
	return pages * os.Getpagesize()
}

// cpu is what this process has used of processors.
func cpu(tb testing.TB) time.Duration {
	var used syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// backend is the server's process of an audit's session.
type backend struct {
	pid  int
	used time.Duration // of processors
	seen time.Time
}

// see looks now and then at what it has used.
func (s *backend) see(tb testing.TB, db testkit.DB) {
	tb.Helper()
	const ticks = 100 // a second (proc_pid_stat(5), sysconf(_SC_CLK_TCK))
	if s.pid == 0 {
		conn, err := pgx.Connect(tb.Context(), db.Admin)
		require.NoError(tb, err)
		defer func() { _ = conn.Close(tb.Context()) }()
		require.NoError(tb, conn.QueryRow(tb.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tillseal audit'
			ORDER BY query_start DESC LIMIT 1`).Scan(&s.pid))
	}
	if time.Since(s.seen) < time.Second/ticks {
		return
	}
	s.seen = time.Now()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.pid), "stat"))
	require.NoError(tb, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(tb, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(tb, err)
	s.used = time.Duration(user+system) * time.Second / ticks
}
