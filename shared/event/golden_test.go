package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
)

var update = flag.Bool("update", false, "rewrite the golden files: a change of theirs is a change of the wire")

const trace = event.Trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

func fixtures() map[string]*nats.Msg {
	at := time.Date(2026, 11, 22, 4, 45, 32, 0, time.UTC)
	moment := uint64(time.Date(2026, 11, 22, 4, 45, 31, 123_456_000, time.UTC).UnixMicro())
	recorded := event.RecordedOf(
		sale.Sale{
			SaleID: "01a1f94f-e264-7599-97ba-9d8ea7e314e5", Kind: sale.KindSale, StoreID: "s1", TerminalID: "t1", CustomerID: "C-1001", Currency: "INR",
			Total: "1249.50", PointsDelta: -81, PointsBalance: 143, PurchaseNumber: 2, RecordedAt: moment, RecordNumber: 1042, PreviousHash: common.Hash{6},
		}, common.Hash{1}, event.Points{Earned: 119, Redeemed: 200}, slip(),
	)
	guest := event.RecordedOf(sale.Sale{
		SaleID: "01a1f94f-e264-7599-97ba-9d8ea7e314e6", Kind: sale.KindRefund, RefundOf: recorded.SaleID, StoreID: "s1", TerminalID: "t1", Currency: "INR",
		Total: "400.00", RecordedAt: moment, RecordNumber: 1,
	}, common.Hash{2}, event.Points{}, event.Sent{})
	key := event.RecordedOf(sale.Sale{
		SaleID: "01a1f94f-e264-7599-97ba-9d8ea7e314e7", Kind: sale.KindKey, StoreID: sale.Operator, TerminalID: sale.Operator, RecordNumber: 1,
		Currency: "XXX", Total: "0", RecordedAt: moment,
	}, common.Hash{2}, event.Points{}, event.Sent{})
	nonce, number, hash := uint64(7), uint64(99), common.Hash{9}
	closing, left, empty := closings()
	return map[string]*nats.Msg{
		"sale_recorded":        event.Recorded(recorded, "gateway", 0, trace),
		"sale_recorded_repair": event.Recorded(guest, "ledger", 3, trace),
		"sale_priced": event.Priced(event.SalePriced{SaleRecorded: recorded, AmountWei: "4913079022560571", Rate: &event.Rate{
			ID: "r1", Value: "254321.17", Currency: "INR", Tier: "live", ObservedAt: "2026-11-22T04:45:00Z",
			Sources: []event.RateSource{{Name: "coingecko", Value: "254321.17", ObservedAt: "2026-11-22T04:45:00Z"}},
		}}, at, 0, trace),
		"sale_priced_zero": event.Priced(event.SalePriced{SaleRecorded: key, AmountWei: "0"}, at, 0, trace),
		"sale_anchored": withTrace(event.Anchored(event.SaleAnchored{
			SaleID: recorded.SaleID, StoreID: "s1", SaleHash: common.Hash{1}, AmountWei: "4913079022560571", Leaf: common.Hash{3},
			Proof: []common.Hash{{4}, {5}}, Deployment: 1, BatchID: 12, LeafIndex: 4, Root: common.Hash{6}, ChainID: 1337,
			Contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3", TxHash: common.Hash{8}, BlockNumber: 99, BlockHash: hash, Finality: "finalized",
		}, at, 41)),
		"batch_sealed": withTrace(event.BatchMoved(event.Batch{
			BatchID: 12, Deployment: 1, Root: common.Hash{6}, Size: 873, State: event.BatchSealed,
			Sequence: 40, At: "2026-11-22T04:45:32.000000Z",
		})),
		"batch_mined": withTrace(event.BatchMoved(event.Batch{
			BatchID: 12, Deployment: 1, Root: common.Hash{6}, Size: 873, State: event.BatchMined, TxHash: &hash, Nonce: &nonce, BlockNumber: &number,
			BlockHash: &hash, Sequence: 41, At: "2026-11-22T04:45:32.000000Z",
		})),
		"audit_finding": withTrace(event.AuditFound(event.AuditFinding{
			Finding: "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9", Run: 7, Kind: "record_altered", SaleID: recorded.SaleID,
			TerminalID: "t1", Number: 1042, Detail: "its fields, request and salt do not hash to its sale_hash", FoundAt: "2026-11-22T04:45:32.000001Z",
		})),
		"sales_closed":        event.Closed(closing, "gateway", 0, trace),
		"sales_closed_left":   event.Closed(left, "gateway", 0, trace),
		"sales_closed_repair": event.Closed(empty, "ledger", 3, trace),
		"parked": withTrace(event.ParkedBy(event.Parked{
			Service: "pricing", Reason: "no rate for XAF", Stream: "SALES_RECORDED", Sequence: 5, Subject: "sales.v1.recorded.s1", SaleID: recorded.SaleID,
			Data: json.RawMessage(`{"sale_id":"x"}`), At: "2026-11-22T04:45:32Z",
		}, at)),
		"parked_cut": withTrace(event.ParkedBy(event.Parked{
			Service: "pricing", Reason: "no rate for XAF (its first 1 of 90000 bytes are kept)", Stream: "SALES_RECORDED", Sequence: 6,
			Subject: "sales.v1.recorded.s1", SaleID: recorded.SaleID, Raw: []byte("{"),
			Claim: &event.Claim{SaleHash: &recorded.SaleHash, Currency: &recorded.Currency, Total: &recorded.Total}, At: "2026-11-22T04:45:32Z",
		}, at)),
	}
}

// slip has every member that an event repeats.
func slip() event.Sent {
	seq := int64(1042)
	return event.Sent{
		Lines: []event.Line{
			{SKU: "TEA-250", Name: "Assam tea", Quantity: "2", UnitPrice: "499.75", Discount: "0.00", Tax: "250.00"},
			{
				Type: event.LineReturn, SKU: "CUP", Quantity: "-1", UnitPrice: "50.00", TaxIncluded: true, Amount: "-50.00",
				Taxes: []event.Tax{{Name: "CGST", Rate: "9", Amount: "-3.81"}, {Name: "SGST", Rate: "9", Amount: "-3.81"}},
			},
			{Type: event.LineTip, Amount: "50.00"},
		},
		Tenders: []event.Tender{
			{Type: "cash", Amount: "199.50", Tendered: "200.00", Change: "0.50"}, {Type: "card", Amount: "1000.00", Reference: "auth 004512"},
		},
		OccurredAt: "2026-11-22T10:15:30+05:30", TerminalSeq: &seq, Offline: true, ExternalRef: "INV-2026-00042",
		Metadata: map[string]string{"table": "7", "area": "b"},
	}
}

// closings are one of a day, one of what an ended chain left and one of a terminal that has sold nothing yet.
func closings() (day, left, empty event.SalesClosed) {
	rate := "18"
	day = event.SalesClosed{
		StoreID: "s1", TerminalID: "t1~2", ClosingNumber: 7, FromNumber: 1042, ToNumber: 1180, HeadHash: common.Hash{1},
		OpenedAt: "2026-11-21T18:30:00.000000Z", ClosedAt: "2026-11-22T18:30:00.000000Z",
		Currencies: []event.ClosedCurrency{{
			Currency: "INR", Sales: event.ClosedSales{Count: 137, Gross: "148201.50"}, Refunds: event.ClosedRefunds{Count: 2, Total: "1249.50"},
			Net: "146952.00", Tax: []event.ClosedTax{{Amount: "12.00"}, {Rate: &rate, Amount: "22417.25"}},
			Tenders: []event.ClosedTender{{Type: "card", Count: 90, Amount: "99900.00"}, {Type: "cash", Count: 49, Amount: "47052.00"}},
		}},
		Points: event.ClosedPoints{Earned: 14_695, Redeemed: 300}, Late: event.ClosedLate{Count: 1},
		MissingTerminalSeq: [][2]int64{{17, 17}, {21, 24}}, Promise: "e30.e30.AA",
	}
	left = day
	left.RecordsOf, left.ClosingNumber = "t1", 1
	return day, left, event.SalesClosed{
		StoreID: "s1", TerminalID: "t2", ClosingNumber: 1, FromNumber: 1, OpenedAt: "2026-11-21T18:30:00.000000Z", ClosedAt: "2026-11-22T18:30:00.000000Z",
		Currencies: []event.ClosedCurrency{}, MissingTerminalSeq: [][2]int64{},
	}
}

// withTrace fixes what is random.
func withTrace(msg *nats.Msg) *nats.Msg {
	msg.Header["traceparent"] = []string{string(trace)}
	return msg
}

// show writes a message as the golden files have it: subject, headers in order, body.
func show(msg *nats.Msg) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", msg.Subject)
	for _, key := range slices.Sorted(maps.Keys(msg.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", key, strings.Join(msg.Header[key], ", "))
	}
	fmt.Fprintf(&b, "\n%s\n", msg.Data)
	return b.String()
}

func TestTheWireIsWhatItWas(t *testing.T) {
	for name, msg := range fixtures() {
		path := filepath.Join("testdata", name+".golden")
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(show(msg)), 0o644))
		}
		golden, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(golden), show(msg), name)
	}
}

func TestARepairKeepsItsIdentityAndIsNotSwallowed(t *testing.T) {
	e := event.SaleRecorded{SaleID: "a", StoreID: "s1"}
	first, repair := event.Recorded(e, "gateway", 0, ""), event.Recorded(e, "ledger", 1, "")
	require.Equal(t, first.Header["ce-id"], repair.Header["ce-id"])
	require.NotEqual(t, first.Header.Get(nats.MsgIdHdr), repair.Header.Get(nats.MsgIdHdr))
	require.NotEmpty(t, event.TraceOf(first.Header))
}

func TestABodyThatIsNotTheTypeIsRefusedAndMoreMembersPass(t *testing.T) {
	_, err := event.Decode[event.SaleRecorded]([]byte(`{"sale_id":7}`))
	require.Error(t, err)
	e, err := event.Decode[event.SaleRecorded]([]byte(`{"sale_id":"a","of_tomorrow":true}`))
	require.NoError(t, err)
	require.Equal(t, "a", e.SaleID)
}

func TestAHashInAnotherFormIsRefused(t *testing.T) {
	hash := common.HexToHash("0xabcdef")
	decode := func(msg *nats.Msg, was, is string) error {
		data := bytes.Replace(msg.Data, []byte(was), []byte(is), 1)
		switch {
		case strings.HasPrefix(msg.Subject, event.SubjectRecorded):
			_, err := event.Decode[event.SaleRecorded](data)
			return err
		case strings.HasPrefix(msg.Subject, event.SubjectPriced):
			_, err := event.Decode[event.SalePriced](data)
			return err
		case strings.HasPrefix(msg.Subject, event.SubjectAnchored):
			_, err := event.Decode[event.SaleAnchored](data)
			return err
		case strings.HasPrefix(msg.Subject, event.SubjectClosed):
			_, err := event.Decode[event.SalesClosed](data)
			return err
		}
		_, err := event.Decode[event.Batch](data)
		return err
	}
	other := common.Hash{1}
	recorded := event.SaleRecorded{SaleID: "a", StoreID: "s1", SaleHash: hash}
	for name, msg := range map[string]*nats.Msg{
		"recorded.sale_hash":  event.Recorded(recorded, "gateway", 0, ""),
		"priced.sale_hash":    event.Priced(event.SalePriced{SaleRecorded: recorded}, time.Now(), 0, ""),
		"anchored.sale_hash":  event.Anchored(event.SaleAnchored{SaleHash: hash}, time.Now(), 0),
		"anchored.leaf":       event.Anchored(event.SaleAnchored{Leaf: hash}, time.Now(), 0),
		"anchored.root":       event.Anchored(event.SaleAnchored{Root: hash}, time.Now(), 0),
		"anchored.tx_hash":    event.Anchored(event.SaleAnchored{TxHash: hash}, time.Now(), 0),
		"anchored.block_hash": event.Anchored(event.SaleAnchored{BlockHash: hash}, time.Now(), 0),
		"anchored.proof":      event.Anchored(event.SaleAnchored{Proof: []common.Hash{other, hash}}, time.Now(), 0),
		"closed.head_hash":    event.Closed(event.SalesClosed{HeadHash: hash}, "gateway", 0, ""),
		"batch.root":          event.BatchMoved(event.Batch{Root: hash}),
		"batch.tx_hash":       event.BatchMoved(event.Batch{TxHash: &hash}),
		"batch.block_hash":    event.BatchMoved(event.Batch{BlockHash: &hash}),
	} {
		require.NoError(t, decode(msg, "", ""), name)
		text := hash.Hex()
		for _, form := range []string{"0x" + strings.ToUpper(text[2:]), "0X" + text[2:], text[:2] + "A" + text[3:], text[2:], text[:60], `\u0030` + text[1:]} {
			require.True(t, fault.Is(decode(msg, text, form), fault.Invalid), "%s as %s", name, form)
		}
	}
}

func TestAGenerationInAnotherFormIsNone(t *testing.T) {
	for id, generation := range map[string]int{"a": 0, "a#7": 7, "a#+7": 0, "a#007": 0, "a#-7": 0, "a# 7": 0, "a#0x7": 0} {
		require.Equal(t, generation, event.GenerationOf(nats.Header{nats.MsgIdHdr: []string{id}}), id)
	}
}
