package anchor_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/testkit"
)

// BenchmarkPricedToSealed measures the way from SALES_PRICED into sealed batches, what a sale takes in the journal with its
// indexes, and the most memory that the anchor's process had until all was sealed and announced. Postgres, NATS and the chain
// share the machine:
//
//	go test -run - -bench PricedToSealed -benchtime 1x ./services/anchor
func BenchmarkPricedToSealed(b *testing.B) {
	const sales = 60_000
	binary := filepath.Join(b.TempDir(), "anchor")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, "./cmd/anchor").CombinedOutput()
	require.NoError(b, err, "%s", out)
	for b.Loop() {
		h := setup(b, func(c *anchor.Config) { c.Stream.PeakSalesPerSecond = 20 }) // the stream holds them all
		msgs := make([]*nats.Msg, 0, sales)
		sold := make([]event.SalePriced, sales)
		for i := range sold {
			sold[i] = priced(i)
			msgs = append(msgs, pricedMsg(sold[i]))
		}
		h.commit(sold...)
		require.NoError(b, h.bus.PublishAll(b.Context(), msgs))
		program := h.programAt(binary)
		program.Stderr = nil
		program.Env = append(program.Env, "ANCHOR_BATCH_MAX=4096", "ANCHOR_BATCH_AGE=1s", "PEAK_SALES_PER_SECOND=20")
		started := time.Now()
		require.NoError(b, program.Start())
		h.counts(b, "sealed", "SELECT coalesce(sum(size), 0)::text FROM anchor.batch", sales)
		b.ReportMetric(sales/time.Since(started).Seconds(), "sales/s")
		h.counts(b, "announced", "SELECT coalesce(sum(size), 0)::text FROM anchor.announced a JOIN anchor.batch_event e ON e.id = a.event_id "+
			"JOIN anchor.batch USING (deployment, batch_id) WHERE a.what = 'sales'", sales)
		b.ReportMetric(sales/time.Since(started).Seconds(), "announced/s")
		b.ReportMetric(peakMB(b, program.Process.Pid), "peak-MB")
		require.NoError(b, program.Process.Signal(syscall.SIGTERM))
		require.NoError(b, program.Wait())
		bytes, err := strconv.Atoi(h.ask(`SELECT sum(pg_total_relation_size(c.oid))::bigint::text
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'anchor' AND c.relkind = 'r'`))
		require.NoError(b, err)
		b.ReportMetric(float64(bytes)/sales, "journal-B/sale") //nolint:forbidigo // a metric is a float
	}
}

// counts waits until a query answers want. It keeps its connection: opening one each time would be measured too.
func (h *house) counts(b *testing.B, what, sql string, want int) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), h.db.Admin)
	require.NoError(b, err)
	defer conn.Close(b.Context())
	testkit.Eventually(b, 2*time.Minute, "all "+what, func() error {
		var n string
		if err := conn.QueryRow(b.Context(), sql).Scan(&n); err != nil || n != strconv.Itoa(want) {
			return errors.Join(err, fmt.Errorf("%s %s", n, what))
		}
		return nil
	})
}

// peakMB is the most memory that a process had resident, according to proc(5).
func peakMB(b *testing.B, pid int) float64 { //nolint:forbidigo // a metric is a float
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	require.True(b, found)
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(b, err)
	return float64(kB) / 1024 //nolint:forbidigo // a metric is a float
}
