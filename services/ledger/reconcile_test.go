package ledger_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// pipeline stands in for pricing and anchor: it keeps what reaches pricing, and does with it what the test wants.
type pipeline struct {
	mu   sync.Mutex
	seen map[string][]stream.Message // by sale
}

func (p *pipeline) of(id string) []stream.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[id]
}

func (s *shop) run(do func(event.SaleRecorded)) *pipeline {
	p := &pipeline{seen: map[string][]stream.Message{}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		_ = s.bus.Consume(ctx, stream.DurablePricing, 100, func(_ context.Context, batch []stream.Message) []error {
			for _, msg := range batch {
				e, err := event.Decode[event.SaleRecorded](msg.Data)
				if err != nil {
					continue
				}
				do(e)
				p.mu.Lock()
				p.seen[e.SaleID] = append(p.seen[e.SaleID], msg)
				p.mu.Unlock()
			}
			return make([]error, len(batch))
		})
	})
	running.Go(func() {
		_ = s.bus.Consume(ctx, stream.DurableAnchor, 100, func(_ context.Context, batch []stream.Message) []error { return make([]error, len(batch)) })
	})
	s.t.Cleanup(func() { cancel(); running.Wait() })
	return p
}

func quickly(cfg *ledger.Config) { cfg.RepairAfter = time.Second }

func lose(event.SaleRecorded) {}

func TestACommittedSaleThatNobodyHeardOfIsPublished(t *testing.T) {
	s := setup(t, quickly)
	s.park(2, facts(2, noon)) // all is there before the reconciler can see the sale
	parked := s.sell(2, noon)
	s.stop()
	priced := s.sell(1, noon)
	s.leaf(priced, "4913078726800501")
	lost := s.sell(3, noon.Add(time.Second))
	s.start(quickly)
	p := s.run(lose)
	s.waitFor("the lost sale reaches pricing", func() bool { return len(p.of(lost.SaleID)) > 0 })
	msg := p.of(lost.SaleID)[0]
	e, err := event.Decode[event.SaleRecorded](msg.Data)
	require.NoError(t, err)
	require.Equal(t, event.SaleRecorded{
		SaleID: lost.SaleID, Kind: "sale", StoreID: "s1", TerminalID: "t1", CustomerID: "C-1001", Currency: "INR", Total: "1249.50",
		PointsDelta: 119, PointsBalance: 143, PurchaseNumber: 3, RecordNumber: 3, RecordedAt: sale.FormatTime(int64(lost.RecordedAt)), SaleHash: lost.Hash(),
		Sent: event.Sent{
			Lines:   []event.Line{{SKU: "TEA-250", Quantity: "2", UnitPrice: "624.75"}},
			Tenders: []event.Tender{{Type: "cash", Amount: "1249.50"}},
		},
		PointsEarned: 119,
	}, e)
	require.Equal(t, "sales.v1.recorded.s1", msg.Subject)
	require.Equal(t, []string{lost.SaleID + "/recorded"}, msg.Header["ce-id"])
	require.Equal(t, []string{"tillseal/ledger"}, msg.Header["ce-source"])
	require.Positive(t, event.GenerationOf(msg.Header), "or the dedupe window would swallow it")
	s.waitFor("it is published once more, being lost again", func() bool { return len(p.of(lost.SaleID)) > 1 })
	require.Empty(t, p.of(priced.SaleID))
	require.Empty(t, p.of(parked.SaleID))
}

func TestASaleThatHasItsLeafNowOrIsParkedIsLeftAlone(t *testing.T) {
	s := setup(t, quickly)
	leafed, parked := s.sell(1, noon), s.sell(2, noon.Add(time.Second))
	p := s.run(func(e event.SaleRecorded) {
		switch e.SaleID {
		case leafed.SaleID:
			s.leaf(leafed, "4913078726800501")
		case parked.SaleID:
			s.exec(s.ledger, `INSERT INTO ledger.parked (stream, sequence, service, reason, subject, sale_id, data, at)
				VALUES ('SALES_PRICED', 1, 'anchor', 'another hash', '', $1, '', now())`, parked.SaleID)
		}
	})
	s.waitFor("both are repaired", func() bool { return len(p.of(leafed.SaleID)) == 1 && len(p.of(parked.SaleID)) == 1 })
	later := s.sell(3, noon.Add(time.Hour))
	s.waitFor("a later one is repaired three times", func() bool { return len(p.of(later.SaleID)) == 3 })
	require.Len(t, p.of(leafed.SaleID), 1)
	require.Len(t, p.of(parked.SaleID), 1)
}

func TestAYoungSaleIsNotTakenForLost(t *testing.T) {
	s := setup(t) // REPAIR_AFTER is 10 minutes
	s.stop()
	young := s.sell(1, time.Now())
	old := s.sell(2, time.Now().Add(-time.Minute))
	p := s.run(lose)
	s.start(func(cfg *ledger.Config) { cfg.RepairAfter = 20 * time.Second })
	s.waitFor("the old one is repaired", func() bool { return len(p.of(old.SaleID)) == 1 })
	require.Empty(t, p.of(young.SaleID))
}

func TestABusyPipelineIsNotToldTwiceBeforeRepairMax(t *testing.T) {
	s := setup(t)
	s.stop() // when it starts again, pricing is busy already
	release := make(chan struct{})
	p := s.run(func(e event.SaleRecorded) {
		if e.StoreID == "slow" {
			<-release
		}
	})
	let := sync.OnceFunc(func() { close(release) })
	t.Cleanup(let)
	s.publish(event.Recorded(event.SaleRecorded{SaleID: "01935f0e-8a7b-7c3d-9e4f-000000000009", StoreID: "slow"}, "gateway", 0, ""))
	s.waitFor("pricing is busy", func() bool {
		c, err := s.bus.JS.Consumer(t.Context(), stream.SalesRecorded, stream.DurablePricing)
		return err == nil && c.CachedInfo().NumAckPending == 1
	})
	now := time.Now()
	facts := s.sell(1, now.Add(-time.Minute))
	s.start(quickly, func(cfg *ledger.Config) { cfg.RepairMax = time.Hour })
	for n := range 3 { // ticks that found facts due but for what is pending
		_ = s.sell(2+n, now.Add(-2*time.Hour))
		s.waitFor("what is past REPAIR_MAX is repaired all the same", func() bool { return s.messages(stream.SalesRecorded) == uint64(2+n) })
	}
	require.Zero(t, s.count(`SELECT count(*) FROM ledger.repair WHERE sale_id = $1`, facts.SaleID))
	let()
	s.waitFor("it is repaired once pricing is idle", func() bool { return len(p.of(facts.SaleID)) > 0 })
}

func TestARestartedLedgerGoesOnWithTheNextGeneration(t *testing.T) {
	s := setup(t, quickly)
	facts := s.sell(1, noon)
	p := s.run(lose)
	s.waitFor("it is repaired", func() bool { return len(p.of(facts.SaleID)) == 1 })
	s.stop()
	s.start(quickly)
	s.waitFor("it is repaired again", func() bool { return len(p.of(facts.SaleID)) > 1 })
	require.Equal(t, []int{1, 2}, []int{event.GenerationOf(p.of(facts.SaleID)[0].Header), event.GenerationOf(p.of(facts.SaleID)[1].Header)})
}

func TestASaleCommittedLongAfterItsTimeIsFoundWhenSalesAreLookedAtAgain(t *testing.T) {
	s := setup(t, quickly)
	young := time.Now().Add(-30 * time.Minute) // too young for the second search
	p := s.run(lose)
	passed := s.sell(1, young)
	s.waitFor("the first search has passed it", func() bool { return len(p.of(passed.SaleID)) > 0 })
	late := s.sell(2, young.Add(-2*time.Hour))
	s.waitFor("the one before it is found", func() bool { return len(p.of(late.SaleID)) > 0 })
}

func TestADurableAheadOfItsStreamBeginsAgain(t *testing.T) {
	s := setup(t, quickly)
	putAhead := func() {
		_ = s.bus.JS.DeleteConsumer(t.Context(), stream.SalesRecorded, stream.DurablePricing) // there may be none
		_, err := s.bus.JS.CreateConsumer(t.Context(), stream.SalesRecorded, jetstream.ConsumerConfig{
			Durable: stream.DurablePricing, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 1000,
		})
		require.NoError(t, err)
	}
	putAhead()
	s.waitFor("it is reset", func() bool {
		at, err := s.bus.Position(t.Context(), stream.DurablePricing)
		if err == nil && !at.Ahead() { // its configuration, which differs too, was restored first; the next time is seconds away
			putAhead()
		}
		return errors.Is(err, stream.ErrNoDurable)
	})
	s.publish(event.Recorded(event.SaleRecorded{SaleID: "01935f0e-8a7b-7c3d-9e4f-000000000009", StoreID: "s1"}, "gateway", 0, ""))
	p := s.run(lose)
	s.waitFor("nothing is skipped", func() bool { return len(p.of("01935f0e-8a7b-7c3d-9e4f-000000000009")) == 1 })
}

func TestOfTwoLedgersOneRepairs(t *testing.T) {
	s := setup(t, quickly)
	first := s.stop
	s.start(quickly)
	t.Cleanup(first)
	facts := s.sell(1, noon)
	p := s.run(lose)
	s.waitFor("the lost sale reaches pricing twice", func() bool { return len(p.of(facts.SaleID)) > 1 })
	tries := p.of(facts.SaleID)
	require.Equal(t, 1, event.GenerationOf(tries[0].Header))
	require.Equal(t, 2, event.GenerationOf(tries[1].Header), "a second ledger would have started counting from 1")
	first() // whichever of them led, the other goes on
	other := s.sell(2, noon.Add(time.Second))
	s.waitFor("the next one is repaired too", func() bool { return len(p.of(other.SaleID)) > 0 })
}
