package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// manyID is the id of sale n of sellMany.
func manyID(n int) string { return fmt.Sprintf("01935f0f-8a7b-7c3d-9e4f-%012d", n) }

// sellMany commits n sales at once that were recorded at a time.
func (s *shop) sellMany(n int, recordedAt time.Time) {
	s.t.Helper()
	sales := make([]testkit.Committed, n)
	for i := range sales {
		sales[i] = testkit.Committed{Request: []byte(`{"currency":"INR","total":"1.00"}`), Sale: sale.Sale{
			SaleID: manyID(i), Kind: sale.KindSale, StoreID: "s1", TerminalID: "t2", RecordNumber: uint64(i) + 1, Currency: "INR", Total: "1.00",
			RecordedAt: uint64(recordedAt.UnixMicro() + int64(i)), RequestHash: sale.Keccak([]byte(`{"currency":"INR","total":"1.00"}`)),
		}}
	}
	testkit.Commit(s.t, s.db.Gateway, sales...)
}

// line stands for pricing and anchor: it journals a leaf for each SaleRecorded, as many at once as come together, each time
// after before was called.
func (s *shop) line(before func()) {
	ctx, cancel := context.WithCancel(context.Background())
	conn := s.login(s.db.Anchor)
	s.exec(conn, `INSERT INTO anchor.rate VALUES ($1, $2, $3, $4, '[]', $5) ON CONFLICT DO NOTHING`, rate.ID, rate.Value, rate.Currency, rate.Tier,
		rate.ObservedAt)
	var running sync.WaitGroup
	running.Go(func() {
		_ = s.bus.Consume(ctx, stream.DurablePricing, 4000, func(ctx context.Context, batch []stream.Message) []error {
			before()
			var ids []string
			for _, msg := range batch {
				if e, err := event.Decode[event.SaleRecorded](msg.Data); err == nil {
					ids = append(ids, e.SaleID)
				}
			}
			_, err := conn.Exec(ctx, `INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, rate_id, store_id)
				SELECT DISTINCT id, decode(repeat('01', 32), 'hex'), 1, $2::text, 's1' FROM unnest($1::uuid[]) id ON CONFLICT DO NOTHING`, ids, rate.ID)
			errs := make([]error, len(batch))
			for i := range errs {
				errs[i] = err
			}
			return errs
		})
	})
	running.Go(func() {
		_ = s.bus.Consume(ctx, stream.DurableAnchor, 100, func(_ context.Context, batch []stream.Message) []error { return make([]error, len(batch)) })
	})
	s.t.Cleanup(func() { cancel(); running.Wait() })
	for _, durable := range []string{stream.DurablePricing, stream.DurableAnchor} {
		s.waitFor("durable "+durable+" is there", func() bool { _, err := s.bus.Position(s.t.Context(), durable); return err == nil })
	}
}

func (s *shop) leaves() int { return s.count(`SELECT count(*) FROM anchor.leaf`) }

func TestABacklogThatIsOnlySlowIsNotRepaired(t *testing.T) {
	const backlog = 30_000 // three times what may be open
	s := setup(t)
	s.stop()
	step := make(chan struct{})
	s.line(func() { <-step })
	finish := sync.OnceFunc(func() { close(step) })
	t.Cleanup(finish)
	s.sellMany(backlog, time.Now().Add(-time.Minute))
	msgs := make([]*nats.Msg, 0, backlog)
	for n := range backlog {
		msg := nats.NewMsg("sales.v1.recorded.s1")
		msg.Data = []byte(`{"sale_id":"` + manyID(n) + `"}`)
		msg.Header.Set(nats.MsgIdHdr, manyID(n)) // on a busy machine some are published twice
		msgs = append(msgs, msg)
	}
	s.publish(msgs...)
	s.start(quickly, func(cfg *ledger.Config) { cfg.RepairMax = time.Hour })
	const ticks = 4
	for n := range ticks { // each sees the backlog due but for what is pending, and repairs what is past REPAIR_MAX
		s.sell(1+n, time.Now().Add(-2*time.Hour))
		s.waitFor("a tick has passed", func() bool { return s.messages(stream.SalesRecorded) == uint64(backlog+1+n) })
		step <- struct{}{}
	}
	finish()
	s.waitFor("all have their leaf", func() bool { return s.leaves() == backlog+ticks })
	s.drained(stream.SalesRecorded, stream.DurablePricing)
	require.Equal(t, uint64(backlog+ticks), s.messages(stream.SalesRecorded))
	require.Equal(t, ticks, s.count(`SELECT count(*) FROM ledger.repair`))
}

func TestWhatWasLostWhileNATSWasAwayIsRepairedAFewThousandAtATime(t *testing.T) {
	const lost, inFlight = 3000, 2000
	atOnce := func(cfg *ledger.Config) { cfg.RepairMax = cfg.RepairAfter } // whatever is pending
	s := setup(t, quickly, atOnce)
	step := make(chan struct{})
	s.line(func() { <-step })
	finish := sync.OnceFunc(func() { close(step) })
	t.Cleanup(finish)
	s.nats.Stop()
	s.sellMany(lost, time.Now().Add(-time.Minute))
	require.NoError(t, s.nats.Restart(t.Context()))
	s.waitFor("as many are repaired as may be on their way", func() bool { return s.published() == inFlight })
	for n := range 3 { // ticks that find more and leave it
		late := s.sell(1+n, time.Now().Add(-time.Minute))
		s.waitFor("it is found", func() bool { return s.count(`SELECT count(*) FROM ledger.repair WHERE sale_id = $1`, late.SaleID) == 1 })
		require.Equal(t, inFlight, s.published())
	}
	finish()
	s.waitFor("all have their leaf", func() bool { return s.leaves() == lost+3 })
	s.waitFor("no repair is open", func() bool { return s.count(`SELECT count(*) FROM ledger.repair WHERE next_at IS NOT NULL`) == 0 })
}

// published is how many sales were published again.
func (s *shop) published() int {
	return s.count(`SELECT count(*) FROM ledger.repair WHERE generation > 0`)
}
