package stream_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

// The sizes that the limits are made of must be those of real messages: too small, and a stream holds less time than promised.
func TestAMessageTakesTheRoomThatItsStreamIsSizedFor(t *testing.T) {
	_, bus := bare(t, func(c *stream.Config) { c.PeakSalesPerSecond = 100 }) // room for all of them
	require.NoError(t, bus.Ensure(within(t)))
	const count, hold = 500, 6 * 3600
	perHundred := map[string]int64{stream.SalesRecorded: 100, stream.SalesPriced: 100, stream.SalesAnchored: 100, stream.Batches: 5, stream.SalesDLQ: 5}
	for i := range count {
		require.NoError(t, bus.PublishAll(t.Context(), everyEvent(fmt.Sprintf("01a2049c-fe3a-7c04-b785-%012d", i), int64(i))))
	}
	for name, share := range perHundred {
		s, err := bus.JS.Stream(t.Context(), name)
		require.NoError(t, err)
		state, planned := s.CachedInfo().State, s.CachedInfo().Config.MaxBytes*100/(100*hold*share)
		require.Equal(t, uint64(count), state.Msgs, name)
		require.Greater(t, planned, int64(0))
		require.LessOrEqual(t, int64(state.Bytes/state.Msgs), planned, name)
		require.Greater(t, int64(state.Bytes/state.Msgs), planned/2, "%s reserves far more than it needs", name)
	}
}

// everyEvent is one message for each stream, of a sale with two lines and a batch of some thousand sales.
func everyEvent(saleID string, serial int64) []*nats.Msg {
	recorded := event.SaleRecorded{
		SaleID: saleID, Kind: "sale", StoreID: "bengaluru-mg-road", TerminalID: "till-04", CustomerID: "C-100123", Currency: "INR", Total: "1249.50",
		PointsDelta: 124, PointsBalance: 223, PurchaseNumber: 2, RecordedAt: "2026-11-22T18:55:27.290772Z",
		Lines: []event.Line{
			{SKU: "TEA-250", Name: "Assam tea 250 g", Quantity: "2", UnitPrice: "499.75", Discount: "0.00", Tax: "250.00"},
			{SKU: "CUP-01", Name: "Cup", Quantity: "1", UnitPrice: "0.00", Discount: "0.00", Tax: "0.00"},
		},
		Tenders: []event.Tender{{Type: "card", Amount: "1249.50"}},
	}
	priced := event.SalePriced{SaleRecorded: recorded, AmountWei: "4913079001641901", Rate: &event.Rate{
		ID: saleID, Value: "254321.17", Currency: "INR", Tier: "live", ObservedAt: "2026-11-22T18:53:54Z",
		Sources: []event.RateSource{
			{Name: "coingecko", Value: "254321.17", ObservedAt: "2026-11-22T18:53:54Z"},
			{Name: "coindcx", Value: "254320.00", ObservedAt: "2026-11-22T18:53:50Z"},
		},
	}}
	anchored := event.SaleAnchored{
		SaleID: saleID, StoreID: recorded.StoreID, AmountWei: priced.AmountWei, Proof: make([]common.Hash, 12), Deployment: 1, BatchID: 1200, LeafIndex: 812,
		ChainID: 1, Contract: "0x7d3248AcD5ea610c71F72e7372D4E839ade17BF3", BlockNumber: 21_000_000, Finality: "finalized",
	}
	nonce, block := uint64(1200), uint64(21_000_000)
	batch := event.Batch{
		BatchID: 1200, Deployment: 1, Size: 4096, State: event.BatchMined, TxHash: &common.Hash{}, Nonce: &nonce, BlockNumber: &block, BlockHash: &common.Hash{},
		Sequence: serial, At: recorded.RecordedAt,
	}
	data, err := json.Marshal(recorded)
	if err != nil {
		panic(err)
	}
	parked := event.Parked{
		Service: "pricing", Reason: "no tier has a rate for EUR", Stream: stream.SalesRecorded, Sequence: uint64(serial),
		Subject: "sales.v1.recorded." + recorded.StoreID,
		SaleID:  saleID, Data: data, At: recorded.RecordedAt,
	}
	return []*nats.Msg{
		event.Recorded(recorded, "gateway", 0, ""), event.Priced(priced, time.Now(), 0, ""), event.Anchored(anchored, time.Now(), 0),
		event.BatchMoved(batch), event.ParkedBy(parked, time.Time{}),
	}
}
