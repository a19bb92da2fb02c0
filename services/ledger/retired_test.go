package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func (s *shop) retire(deployment int64) {
	s.exec(s.admin, `UPDATE anchor.deployment SET retired = true WHERE id = $1`, deployment)
}

func TestARetiredContractProvesNothing(t *testing.T) {
	s := setup(t)
	b := s.mined(s.deploy(), 1)[0]
	id := b.sales[0].SaleID
	require.Equal(t, "mined", s.status(id).Status)
	s.retire(b.deployment)
	require.Equal(t, event.SaleStatus{SaleID: id, Status: "pending"}, s.status(id))
	_, err := s.proof(id)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	_, err = s.log(event.LogQuery{})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)

	next := s.seal(s.deploy(), 1, b.sales[0])
	require.Equal(t, event.SaleStatus{SaleID: id, Status: "batched", BatchID: "1"}, s.status(id))
	s.publish(next.moved(event.BatchMined, 100))
	s.drained(stream.Batches, stream.DurableLedgerBatches)
	p, err := s.proof(id)
	require.NoError(t, err)
	next.placed(p, 1, s.logs[next.deployment].Root())
}

func TestASaleOfARetiredContractWaitsForABatchAgain(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	measured := func(cfg *ledger.Config) { cfg.Telemetry.MetricsAddr = addr }
	s := setup(t, quickly, measured)
	ages := func() [3]int { return agesOf(scrape(t, addr)) }
	sold := s.sell(1, hours(9))
	b := s.seal(s.deploy(), 1, sold)
	s.waitFor("it waits for its announcement", func() bool { return ages() == [3]int{0, 0, 9} })
	s.stop()
	s.retire(b.deployment)
	s.start(quickly, measured)
	s.waitFor("it waits for a batch", func() bool { return ages() == [3]int{0, 9, 0} })
	s.seal(s.deploy(), 1, sold)
	s.waitFor("it waits for its announcement again", func() bool { return ages() == [3]int{0, 0, 9} })
}

func TestAFinalBatchIsAnnouncedAgainUnlessItsContractIsRetired(t *testing.T) {
	s := setup(t, quickly)
	type request struct {
		Deployment int64  `json:"deployment"`
		BatchID    uint64 `json:"batch_id"`
	}
	var mu sync.Mutex
	asked := map[request]int{}
	stop, err := s.bus.Serve(t.Context(), "stands for the anchor", stream.Answers(stream.Endpoint{Subject: "ops.anchor.batches.announce"},
		func(_ context.Context, req request) (map[string]int, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[req]++
			return map[string]int{"count": 0}, nil
		}))
	require.NoError(t, err)
	defer stop()
	times := func(b *batch) int {
		mu.Lock()
		defer mu.Unlock()
		return asked[request{b.deployment, b.id}]
	}
	final := func(sequence int64, b *batch) *batch {
		b.moved(event.BatchFinal, sequence) // journaled, and lost on its way
		return b
	}
	old := final(1, s.seal(s.deploy(), 1, s.sell(1, noon)))
	s.waitFor("it is asked for", func() bool { return times(old) > 0 })
	s.retire(old.deployment)
	s.waitFor("it is not asked for any more", func() bool {
		return s.count(`SELECT count(*) FROM ledger.reannounce WHERE deployment = $1 AND next_at IS NULL`, old.deployment) == 1
	})
	before := times(old)
	unused := s.deploy()
	never := s.seal(unused, 1, s.sell(2, noon))
	s.retire(unused)
	final(2, never)
	current := final(3, s.seal(s.deploy(), 1, s.sell(3, noon)))
	s.waitFor("the present contract's is asked for", func() bool { return times(current) > 0 })
	require.Equal(t, before, times(old))
	require.Zero(t, times(never))
}

func TestAParkedSaleAnchoredOfARetiredContractIsNotReplayed(t *testing.T) {
	s := setup(t)
	b := s.sold(1)
	wrong := b.anchored(0, 99)
	wrong.Root = txHash
	s.publish(event.Anchored(wrong, noon, 0))
	s.waitFor("it is parked", func() bool { return s.parked(map[string]any{"service": "ledger"}).Total == 1 })
	s.retire(b.deployment)
	_, err := s.replay(map[string]string{"sale_id": b.sales[0].SaleID})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	s.exec(s.admin, `UPDATE anchor.deployment SET retired = false`)
	replayed, err := s.replay(map[string]string{"sale_id": b.sales[0].SaleID})
	require.NoError(t, err)
	require.Equal(t, 1, replayed)
}
