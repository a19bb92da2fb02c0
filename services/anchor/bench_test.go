package anchor_test

import (
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/testkit"
)

// BenchmarkPricedToSealed measures the way from SALES_PRICED into sealed batches, and what a sale takes in the journal with
// its indexes. Postgres, NATS and the chain share the machine:
//
//	go test -run - -bench PricedToSealed -benchtime 1x ./services/anchor
func BenchmarkPricedToSealed(b *testing.B) {
	const sales = 60_000
	for b.Loop() {
		h := setup(b, func(c *anchor.Config) {
			c.BatchMax, c.BatchAge = 4096, time.Second
			c.Telemetry.LogOutput = io.Discard
			c.Stream.PeakSalesPerSecond = 20
		})
		msgs := make([]*nats.Msg, 0, sales)
		for i := range sales {
			msgs = append(msgs, pricedMsg(priced(i)))
		}
		require.NoError(b, h.bus.PublishAll(b.Context(), msgs))
		started := time.Now()
		stop := h.start()
		testkit.Eventually(b, 5*time.Minute, "all sealed", func() error {
			if n := h.ask("SELECT coalesce(sum(size), 0)::text FROM anchor.batch"); n != strconv.Itoa(sales) {
				return fmt.Errorf("%s sealed", n)
			}
			return nil
		})
		b.ReportMetric(sales/time.Since(started).Seconds(), "sales/s")
		require.NoError(b, stop())
		bytes, err := strconv.Atoi(h.ask(`SELECT sum(pg_total_relation_size(c.oid))::bigint::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'anchor' AND c.relkind = 'r'`))
		require.NoError(b, err)
		b.ReportMetric(float64(bytes)/sales, "journal-B/sale") //nolint:forbidigo // a metric is a float
	}
}
