package ledger_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// longReceipt is what a till sent that is longer than what is kept of a parked message.
const longReceipt = 300 << 10

func TestASaleThatIsTooLargeForNATSIsParkedAndHoldsUpNoOther(t *testing.T) {
	addr, adjust := measured(t)
	var log testkit.Log
	s := setup(t, quickly, adjust, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = &log })
	p := s.run(lose)
	large := s.sellAs(1, noon, `{"currency":"INR","total":"1249.50","external_ref":"`+strings.Repeat("n", 1<<20)+`"}`)
	sound := s.sell(2, noon.Add(time.Second))
	s.waitFor("the other is repaired twice", func() bool { return len(p.of(sound.SaleID)) > 1 })
	list := s.parked(map[string]any{"service": "ledger"})
	require.Equal(t, 1, list.Total)
	require.Equal(t, large.SaleID, list.Parked[0].SaleID)
	require.Contains(t, list.Parked[0].Reason, "too large for NATS, whose max_payload must be raised")
	require.Contains(t, log.String(), "ALARM: a sale is larger than what NATS takes")
	require.Equal(t, "0", scrape(t, addr)[`tillseal_altered_total{what="sale"}`])
	_, err := s.replay(map[string]string{"sale_id": large.SaleID})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.ErrorContains(t, err, "too large for NATS")

	s.park(7, sound) // among others
	s.exec(s.admin, `DELETE FROM ledger.parked WHERE service = 'ledger'`)
	s.park(8, large)
	got, err := stream.Ask[map[string]int](t.Context(), s.bus, "ops.ledger.parked.replay", map[string]string{"currency": "INR"})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"replayed": 1, "too_large": 1}, got)
	require.Empty(t, p.of(large.SaleID))
	require.NotContains(t, log.String(), "publishing again")
}

func TestALongReceiptIsParkedLikeAnyOther(t *testing.T) {
	s := setup(t, quickly)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.bus.Consume(ctx, stream.DurablePricing, 100, func(_ context.Context, batch []stream.Message) []error {
			errs := make([]error, len(batch))
			for i := range errs {
				errs[i] = fault.New(fault.Invalid, "no tier has a rate for INR")
			}
			return errs
		})
	}()
	defer func() { cancel(); <-done }()
	long := s.sellAs(1, noon, `{"currency":"INR","total":"1249.50","external_ref":"`+strings.Repeat("n", longReceipt)+`"}`)
	held := func() int { return s.count(`SELECT count(*) FROM ledger.held WHERE sale_id = $1`, long.SaleID) }
	s.waitFor("it is parked and held", func() bool { return held() == 1 })
	list := s.parked(nil)
	require.Equal(t, 1, list.Total)
	require.Contains(t, list.Parked[0].Reason, "no tier has a rate for INR (its first ")
	got, err := s.show(map[string]any{"sale_id": long.SaleID})
	require.NoError(t, err)
	require.True(t, got.Parked[0].Holds)

	replayed, err := s.replay(map[string]string{"sale_id": long.SaleID})
	require.NoError(t, err)
	require.Equal(t, 1, replayed)
	s.waitFor("it is parked again", func() bool { return held() == 1 && s.parked(nil).Total == 1 })
	discarded, err := s.discard(map[string]any{"sale_id": long.SaleID, "operator": "asha", "reason": "a test"})
	require.NoError(t, err)
	require.Equal(t, 1, discarded)

	other := recorded(s.sell(2, noon))
	other.SaleHash[0]++
	other.ExternalRef = strings.Repeat("n", longReceipt)
	s.publish(event.Recorded(other, "gateway", 7, ""))
	s.waitFor("what contradicts its sale holds nothing, however long it is", func() bool {
		return s.count(`SELECT count(*) FROM ledger.parked WHERE sale_id = $1 AND NOT holds AND reason LIKE '%are kept)'`, other.SaleID) == 1
	})
}
