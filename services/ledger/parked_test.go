package ledger_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

type parkedList struct {
	Total  int
	Cursor string
	Parked []struct {
		State          string
		Holds          bool
		DecidedBy      string          `json:"decided_by"`
		DecidedBecause string          `json:"decided_because"`
		HasLeaf        bool            `json:"has_leaf"`
		Committed      bool            `json:"committed"`
		Data           json.RawMessage `json:"data"`

		Service, Reason, Stream, Currency, At string
		Sequence                              uint64
		SaleID                                string `json:"sale_id"`
	}
}

// recorded is the part of a sale's SaleRecorded that identifies the sale.
func recorded(facts sale.Sale) event.SaleRecorded {
	return event.SaleRecorded{SaleID: facts.SaleID, StoreID: facts.StoreID, Currency: facts.Currency, Total: facts.Total, SaleHash: facts.Hash()}
}

// park publishes that pricing parked sales.
func (s *shop) park(sequence uint64, sales ...sale.Sale) {
	s.t.Helper()
	before := s.count(`SELECT count(*) FROM ledger.parked`)
	for i, facts := range sales {
		body, err := json.Marshal(recorded(facts))
		require.NoError(s.t, err)
		s.publish(event.ParkedBy(event.Parked{
			Service: "pricing", Reason: "no tier has a rate for INR", Stream: stream.SalesRecorded, Sequence: sequence + uint64(i),
			Subject: "sales.v1.recorded.s1", SaleID: facts.SaleID, Data: body, At: noon.Format(time.RFC3339),
		}, time.Time{}))
	}
	s.waitFor("they are parked", func() bool { return s.count(`SELECT count(*) FROM ledger.parked`) == before+len(sales) })
}

func (s *shop) parked(request map[string]any) parkedList {
	s.t.Helper()
	got, err := stream.Ask[parkedList](s.t.Context(), s.bus, "ops.ledger.parked.list", request)
	require.NoError(s.t, err)
	return got
}

func (s *shop) show(request map[string]any) (parkedList, error) {
	return stream.Ask[parkedList](s.t.Context(), s.bus, "ops.ledger.parked.show", request)
}

func (s *shop) discard(request map[string]any) (discarded int, err error) {
	got, err := stream.Ask[struct{ Discarded int }](s.t.Context(), s.bus, "ops.ledger.parked.discard", request)
	return got.Discarded, err
}

func (s *shop) replay(request map[string]string) (replayed int, err error) {
	got, err := stream.Ask[struct{ Replayed int }](s.t.Context(), s.bus, "ops.ledger.parked.replay", request)
	return got.Replayed, err
}

func TestAParkedSaleIsListedUntilItIsReplayedAndGoesThroughAsIfNew(t *testing.T) {
	s := setup(t)
	s.park(7, facts(1, noon), facts(2, noon)) // before the reconciler can see the sales
	facts, other := s.sell(1, noon), s.sell(2, noon)
	p := s.run(lose)
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
	s.park(7, facts(1, noon)) // before the reconciler can see the sale
	facts := s.sell(1, noon)
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

func TestWhatCannotBeReplayedIsRefusedWithTheReason(t *testing.T) {
	s := setup(t)
	for reason, request := range map[string]map[string]string{
		"either sale_id or currency":                   {},
		"either sale_id or":                            {"sale_id": "x", "currency": "INR"},
		"sale_id is not a UUID":                        {"sale_id": "tea"},
		"ISO 4217 currency":                            {"currency": "TEA"},
		"is not parked, or it already has a leaf, and": {"sale_id": "01935f0e-8a7b-7c3d-9e4f-000000000009"},
	} {
		_, err := s.replay(request)
		require.ErrorContains(t, err, reason)
	}
	replayed, err := s.replay(map[string]string{"currency": "EUR"})
	require.NoError(t, err)
	require.Zero(t, replayed)
	_, err = s.replay(map[string]string{"currency": "INR", "operator": strings.Repeat("a", 65)})
	require.ErrorContains(t, err, "operator is longer than 64")
	for reason, request := range map[string]map[string]any{
		"limit must be between":  {"limit": 501},
		"state is not one of":    {"state": "lost"},
		"the cursor is invalid":  {"cursor": "tea"},
		`unknown field "colour"`: {"colour": "red"},
	} {
		_, err := stream.Ask[parkedList](t.Context(), s.bus, "ops.ledger.parked.list", request)
		require.True(t, fault.Is(err, fault.Invalid))
		require.ErrorContains(t, err, reason)
	}
}

func TestAListOfWhatIsParkedIsReadInPages(t *testing.T) {
	s := setup(t)
	var all, read []string
	for n := range 5 {
		facts := s.sell(1+n, noon)
		s.park(uint64(10-n), facts) // all at the same time
		all = append(all, facts.SaleID)
	}
	slices.Reverse(all)
	pages := 0
	for request := map[string]any{"limit": 2}; request != nil; pages++ {
		page := s.parked(request)
		require.Equal(t, 5, page.Total)
		for _, e := range page.Parked {
			read = append(read, e.SaleID)
		}
		if request["cursor"] = page.Cursor; page.Cursor == "" {
			request = nil
		}
	}
	require.Equal(t, 3, pages)
	require.Equal(t, all, read)
}

func TestAParkedMessageIsShownInFull(t *testing.T) {
	s := setup(t)
	facts := s.sell(1, noon)
	reason := strings.Repeat("no tier has a rate ", 20)
	s.publish(event.ParkedBy(event.Parked{
		Service: "pricing", Reason: reason, Stream: stream.SalesRecorded, Sequence: 7, SaleID: facts.SaleID, Data: []byte(`{"total":"5.00"}`),
		At: noon.Format(time.RFC3339),
	}, time.Time{}), event.ParkedBy(event.Parked{
		Service: "anchor", Reason: "not JSON", Stream: stream.SalesPriced, Sequence: 8,
		Raw: []byte("tea"), At: noon.Format(time.RFC3339),
	}, time.Time{}))
	s.waitFor("both are parked", func() bool { return s.parked(nil).Total == 2 })
	require.Less(t, len(s.parked(map[string]any{"service": "pricing"}).Parked[0].Reason), len(reason), "a list is short")
	got, err := s.show(map[string]any{"sale_id": strings.ToUpper(facts.SaleID)})
	require.NoError(t, err)
	require.Len(t, got.Parked, 1)
	require.Equal(t, reason, got.Parked[0].Reason)
	require.JSONEq(t, `{"total":"5.00"}`, string(got.Parked[0].Data))
	require.True(t, got.Parked[0].Committed)
	require.False(t, got.Parked[0].HasLeaf)
	got, err = s.show(map[string]any{"service": "anchor", "stream": stream.SalesPriced, "sequence": 8})
	require.NoError(t, err)
	require.JSONEq(t, `"dGVh"`, string(got.Parked[0].Data))
	for reason, request := range map[string]map[string]any{
		"either sale_id or service":    {},
		"must be given together":       {"service": "anchor"},
		"sale_id is not a UUID":        {"sale_id": "tea"},
		"was ever parked":              {"service": "anchor", "stream": "x", "sequence": 8},
		"either sale_id or service, s": {"sale_id": facts.SaleID, "sequence": 8},
	} {
		_, err := s.show(request)
		require.ErrorContains(t, err, reason)
	}
}

func TestADiscardedSaleIsReportedWithWhoAndWhyAndIsNoWorkForAnybody(t *testing.T) {
	s := setup(t, quickly)
	s.park(7, facts(1, noon)) // before the reconciler can see the sale
	facts, other := s.sell(1, noon), s.sell(2, noon)
	p := s.run(lose)
	for reason, request := range map[string]map[string]any{
		"operator is missing": {"sale_id": facts.SaleID, "operator": " ", "reason": "a test till"},
		"reason is missing":   {"sale_id": facts.SaleID, "operator": "asha"},
		"control character":   {"sale_id": facts.SaleID, "operator": "asha", "reason": "a\x00test"},
		"NUL character":       {"service": "pricing\x00", "stream": "x", "sequence": 1, "operator": "asha", "reason": "a test till"},
		"longer than 500":     {"sale_id": facts.SaleID, "operator": "asha", "reason": strings.Repeat("a", 501)},
		"no parked message":   {"sale_id": other.SaleID, "operator": "asha", "reason": "a test till"},
	} {
		_, err := s.discard(request)
		require.ErrorContains(t, err, reason)
	}
	discarded, err := s.discard(map[string]any{"sale_id": facts.SaleID, "operator": "asha", "reason": "a test till"})
	require.NoError(t, err)
	require.Equal(t, 1, discarded)
	_, err = s.discard(map[string]any{"service": "pricing", "stream": stream.SalesRecorded, "sequence": 7, "operator": "ravi", "reason": "again"})
	require.True(t, fault.Is(err, fault.Conflict))
	require.Empty(t, s.parked(nil).Parked)
	list := s.parked(map[string]any{"state": "discarded"})
	require.Equal(t, "asha", list.Parked[0].DecidedBy)
	require.Equal(t, "a test till", list.Parked[0].DecidedBecause)
	var audited string
	require.NoError(t, s.auditor.QueryRow(t.Context(),
		`SELECT state || ' by ' || decided_by || ': ' || decided_because FROM audit.parked WHERE sale_id = $1`, facts.SaleID).Scan(&audited))
	require.Equal(t, "discarded by asha: a test till", audited)

	replayed, err := s.replay(map[string]string{"currency": "INR"})
	require.NoError(t, err)
	require.Zero(t, replayed, "not with all the others")
	s.waitFor("another sale is repaired twice", func() bool { return len(p.of(other.SaleID)) > 1 })
	require.Empty(t, p.of(facts.SaleID))
	replayed, err = s.replay(map[string]string{"sale_id": facts.SaleID, "operator": "ravi", "reason": "it was a real one"})
	require.NoError(t, err)
	require.Equal(t, 1, replayed, "a mistake can be undone")
	s.waitFor("it reaches pricing", func() bool { return len(p.of(facts.SaleID)) > 0 })
	require.Equal(t, "ravi", s.parked(map[string]any{"state": "replayed"}).Parked[0].DecidedBy)
}

func TestAParkedSaleAnchoredIsAskedForAgainOnceItIsReplayed(t *testing.T) {
	s := setup(t, quickly)
	b := s.sold(1)
	id := b.sales[0].SaleID
	wrong, right := b.anchored(0, 99), b.anchored(0, 99)
	wrong.Root = txHash
	s.publish(event.Anchored(wrong, noon, 0))
	s.waitFor("it is parked", func() bool { return s.parked(map[string]any{"service": "ledger"}).Total == 1 })
	type request struct {
		Deployment int64  `json:"deployment"`
		BatchID    uint64 `json:"batch_id"`
	}
	stop, err := s.bus.Serve(t.Context(), "stands for the anchor", stream.Answers(stream.Endpoint{Subject: "ops.anchor.batches.announce"},
		func(_ context.Context, req request) (map[string]int, error) {
			if req != (request{b.deployment, b.id}) {
				return nil, fault.New(fault.Invalid, "another batch")
			}
			return map[string]int{"count": 1}, s.bus.PublishAll(t.Context(), []*nats.Msg{event.Anchored(right, noon, 1)})
		}))
	require.NoError(t, err)
	defer stop()
	replayed, err := s.replay(map[string]string{"sale_id": id})
	require.NoError(t, err)
	require.Equal(t, 1, replayed)
	s.waitFor("it reaches the ledger", func() bool { return s.block(id) == 99 })
}

func TestNobodyTakesAReplayBack(t *testing.T) {
	s := setup(t)
	for _, statement := range []string{
		"DELETE FROM ledger.replay", "UPDATE ledger.discard SET operator = 'x'", "UPDATE ledger.replay SET at = now()",
		"DELETE FROM ledger.parked",
	} {
		_, err := s.ledger.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "permission denied", statement)
	}
}
