package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

type parkedList struct {
	Total  int
	Parked []struct {
		Service, Reason, Stream, Currency, At string
		Sequence                              uint64
		SaleID                                string `json:"sale_id"`
	}
}

// park says that pricing gave up sales.
func (s *shop) park(sequence uint64, sales ...sale.Sale) {
	s.t.Helper()
	before := s.count(`SELECT count(*) FROM ledger.parked`)
	for i, facts := range sales {
		s.say(event.ParkedBy(event.Parked{
			Service: "pricing", Reason: "no tier has a rate for INR", Stream: stream.SalesRecorded, Sequence: sequence + uint64(i),
			Subject: "sales.v1.recorded.s1", SaleID: facts.SaleID, At: noon.Format(time.RFC3339),
		}))
	}
	s.waitFor("they are parked", func() bool { return s.count(`SELECT count(*) FROM ledger.parked`) == before+len(sales) })
}

func (s *shop) parked(request map[string]any) parkedList {
	s.t.Helper()
	got, err := stream.Ask[parkedList](s.t.Context(), s.bus, "ops.ledger.parked.list", request)
	require.NoError(s.t, err)
	return got
}

func (s *shop) replay(request map[string]string) (replayed int, err error) {
	got, err := stream.Ask[struct{ Replayed int }](s.t.Context(), s.bus, "ops.ledger.parked.replay", request)
	return got.Replayed, err
}

func TestAParkedSaleIsListedUntilItIsReplayedAndGoesThroughAsIfNew(t *testing.T) {
	s := setup(t)
	facts, other := s.sell(1, noon), s.sell(2, noon)
	p := s.run(lose)
	s.park(7, facts, other)
	list := s.parked(map[string]any{})
	require.Equal(t, 2, list.Total)
	require.Equal(t, facts.SaleID, list.Parked[0].SaleID)
	require.Equal(t, "no tier has a rate for INR", list.Parked[0].Reason)
	require.Equal(t, "INR", list.Parked[0].Currency)
	require.Equal(t, uint64(7), list.Parked[0].Sequence)
	require.Equal(t, "2026-11-22T12:00:00.000000Z", list.Parked[0].At)
	require.Empty(t, s.parked(map[string]any{"service": "anchor"}).Parked)
	require.Len(t, s.parked(map[string]any{"service": "pricing", "currency": "INR", "limit": 1}).Parked, 1)

	replayed, err := s.replay(map[string]string{"sale_id": facts.SaleID})
	require.NoError(t, err)
	require.Equal(t, 1, replayed)
	s.waitFor("it reaches pricing", func() bool { return len(p.of(facts.SaleID)) == 1 })
	msg := p.of(facts.SaleID)[0]
	e, err := event.Decode[event.SaleRecorded](msg.Data)
	require.NoError(t, err)
	require.Equal(t, facts.Hash(), e.SaleHash)
	require.Len(t, e.Lines, 1)
	require.Positive(t, event.GenerationOf(msg.Header))
	require.Equal(t, 1, s.parked(map[string]any{}).Total)

	_, err = s.replay(map[string]string{"sale_id": facts.SaleID})
	require.True(t, fault.Is(err, fault.Conflict), "once is enough")
	s.park(9, facts) // there is no rate still
	require.Equal(t, 2, s.parked(map[string]any{}).Total)
	replayed, err = s.replay(map[string]string{"currency": "INR"})
	require.NoError(t, err)
	require.Equal(t, 2, replayed)
	s.waitFor("both reach pricing", func() bool { return len(p.of(facts.SaleID)) == 2 && len(p.of(other.SaleID)) == 1 })
	require.Empty(t, s.parked(map[string]any{}).Parked)
}

func TestAReplayedSaleThatIsLostIsRepairedLikeAnyOther(t *testing.T) {
	s := setup(t, quickly)
	facts := s.sell(1, noon)
	s.park(7, facts)
	p := s.run(lose)
	later := s.sell(2, noon.Add(time.Second)) // so that the search has passed the parked one
	s.waitFor("the search has passed it", func() bool { return len(p.of(later.SaleID)) > 0 })
	require.Empty(t, p.of(facts.SaleID))
	_, err := s.replay(map[string]string{"sale_id": facts.SaleID})
	require.NoError(t, err)
	s.waitFor("it comes twice, having no leaf", func() bool { return len(p.of(facts.SaleID)) > 1 })
	s.leaf(facts, "4913078726800501")
	_, err = s.replay(map[string]string{"sale_id": facts.SaleID})
	require.True(t, fault.Is(err, fault.Conflict))
}

func TestWhatCannotBeReplayedIsSaid(t *testing.T) {
	s := setup(t)
	for says, request := range map[string]map[string]string{
		"either sale_id or currency":   {},
		"either sale_id or":            {"sale_id": "x", "currency": "INR"},
		"sale_id is not a UUID":        {"sale_id": "tea"},
		"not an ISO 4217 currency":     {"currency": "TEA"},
		"is parked and without a leaf": {"sale_id": "01935f0e-8a7b-7c3d-9e4f-000000000009"},
	} {
		_, err := s.replay(request)
		require.ErrorContains(t, err, says)
	}
	replayed, err := s.replay(map[string]string{"currency": "EUR"})
	require.NoError(t, err)
	require.Zero(t, replayed)
	_, err = stream.Ask[parkedList](t.Context(), s.bus, "ops.ledger.parked.list", map[string]any{"limit": 501})
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestNobodyTakesAReplayBack(t *testing.T) {
	s := setup(t)
	for _, statement := range []string{"DELETE FROM ledger.replay", "UPDATE ledger.replay SET at = now()", "DELETE FROM ledger.parked"} {
		_, err := s.ledger.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "permission denied", statement)
	}
}
