package stream_test

import (
	"encoding/json"
	"fmt"
	"strings"
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
	const count, sales, tills = 500, 100 * 6 * 3600, 100 * 30 // of six hours at that peak; of a chain of shops with that peak
	room := map[string]int64{
		stream.SalesRecorded: sales, stream.SalesPriced: sales, stream.SalesAnchored: sales, stream.Batches: sales / 20, stream.SalesDLQ: sales / 20,
		stream.SalesClosed: tills * 3 * 7, // a week with three shifts a day
	}
	for i := range count {
		require.NoError(t, bus.PublishAll(t.Context(), everyEvent(fmt.Sprintf("01a2049c-fe3a-7c04-b785-%012d", i), int64(i))))
	}
	for name, messages := range room {
		s, err := bus.JS.Stream(t.Context(), name)
		require.NoError(t, err)
		state, planned := s.CachedInfo().State, s.CachedInfo().Config.MaxBytes/messages
		require.Equal(t, uint64(count), state.Msgs, name)
		require.Greater(t, planned, int64(0))
		require.LessOrEqual(t, int64(state.Bytes/state.Msgs), planned, name)
		require.Greater(t, int64(state.Bytes/state.Msgs), planned/2, "%s reserves far more than it needs", name)
	}
}

// closingOf is a till's shift with several rates of tax and means of payment.
func closingOf(number uint64) event.SalesClosed {
	c := event.SalesClosed{
		StoreID: "bengaluru-mg-road", TerminalID: "till-04", ClosingNumber: number, FromNumber: 101_017, ToNumber: 101_489, HeadHash: common.Hash{1},
		OpenedAt: "2026-11-22T18:55:27.290772Z", ClosedAt: "2026-11-23T18:51:03.104114Z",
		Currencies: []event.ClosedCurrency{{
			Currency: "INR", Sales: event.ClosedSales{Count: 461, Gross: "574249.50"}, Refunds: event.ClosedRefunds{Count: 12, Total: "11402.00"}, Net: "562847.50",
		}},
		Points:             event.ClosedPoints{Earned: 51_240, Redeemed: 3_900},
		MissingTerminalSeq: [][2]int64{{1_000_017, 1_000_017}, {1_000_211, 1_000_214}},
		Promise:            strings.Repeat("x", 450), // RFC 7515: a header, some claims with the hash, a signature of 64 bytes
	}
	inr := &c.Currencies[0]
	inr.Tax = []event.ClosedTax{{Amount: "113.40"}}
	for _, rate := range []string{"0", "5", "12", "18", "28"} {
		inr.Tax = append(inr.Tax, event.ClosedTax{Rate: &rate, Amount: "14021.75"})
	}
	for _, kind := range []string{"card", "cash", "gift_card", "mobile", "voucher"} {
		inr.Tenders = append(inr.Tenders, event.ClosedTender{Type: kind, Count: 94, Amount: "112569.50"})
	}
	return c
}

// everyEvent is one message for each stream, of a sale with two lines, a batch of some thousand sales, and a till's shift.
func everyEvent(saleID string, serial int64) []*nats.Msg {
	recorded := event.SaleRecorded{
		SaleID: saleID, Kind: "sale", StoreID: "bengaluru-mg-road", TerminalID: "till-04", CustomerID: "C-100123", Currency: "INR", Total: "1249.50",
		PointsDelta: 124, PointsBalance: 223, PurchaseNumber: 2, RecordedAt: "2026-11-22T18:55:27.290772Z",
		Sent: event.Sent{
			Lines: []event.Line{
				{SKU: "TEA-250", Name: "Assam tea 250 g", Quantity: "2", UnitPrice: "499.75", Discount: "0.00", Tax: "250.00"},
				{SKU: "CUP-01", Name: "Cup", Quantity: "1", UnitPrice: "0.00", Discount: "0.00", Tax: "0.00"},
			},
			Tenders: []event.Tender{{Type: "card", Amount: "1249.50"}},
		},
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
		event.BatchMoved(batch), event.ParkedBy(parked, time.Time{}), event.Closed(closingOf(uint64(serial)+1), "gateway", 0, ""),
	}
}
