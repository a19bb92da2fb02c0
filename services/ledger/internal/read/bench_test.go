package read

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
)

// BenchmarkLog is what an answer about a long log costs, asked of the reader as over NATS: the time with both round trips to Postgres, and
// the rows of the log that it reads. BENCH_BATCHES sets the log's size; a million batches are ten years of one every five minutes.
//
//	go test -run '^$' -bench Log -benchtime 5000x ./services/ledger/internal/read
func BenchmarkLog(b *testing.B) {
	batches := 1_000_000
	if text := os.Getenv("BENCH_BATCHES"); text != "" {
		var err error
		batches, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	d := newJournal(b).deploy(first)
	d.fill(batches)
	spread := func(i int) uint64 { return uint64(i*7919%batches + 1) }
	for name, q := range map[string]func(i int) event.LogQuery{
		"a path in the present log":   func(i int) event.LogQuery { return entry(strconv.FormatUint(spread(i), 10), "") },
		"a path in a log of any size": func(i int) event.LogQuery { return entry("1", strconv.FormatUint(spread(i), 10)) },
		"the present log":             func(int) event.LogQuery { return head("") },
	} {
		b.Run(name, func(b *testing.B) {
			ask := func(i int) {
				_, err := d.reader.Log(b.Context(), q(i))
				require.NoError(b, err)
			}
			for i := range 100 { // connect, and plan the statements
				ask(i)
			}
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				at := time.Now()
				ask(i)
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms/median")
			b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "ms/99th")
		})
	}
	b.Run("rows of a path", func(b *testing.B) {
		most, id := 0, 0
		for ; b.Loop(); id++ {
			of := batchlog.RowsOf(spread(id), uint64(batches))
			scans, _ := d.explain("auto", logRowsSQL, pgx.NamedArgs{"deployment": d.id, "ours": batches, "foreign_row": 0, "batch_ids": of})
			require.Equal(b, map[string]int{"Index Scan": len(of)}, scans["anchor.log"])
			most = max(most, scans["anchor.log"]["Index Scan"])
		}
		require.LessOrEqual(b, most, maxRows)
		b.ReportMetric(float64(most), "rows/widest-path") //nolint:forbidigo // a metric of testing.B; no money here
	})
}
