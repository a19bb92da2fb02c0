package republish

import (
	"log/slog"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// row is a stored sale in which no two columns are alike.
func row() Sale {
	return Sale{
		SaleID: "01a1f94f-e264-7599-97ba-9d8ea7e314e5", Kind: "refund", RefundOf: "01a1f94f-e264-7599-97ba-9d8ea7e314e4", StoreID: "s1", TerminalID: "t1",
		CustomerID: "C-1001", Currency: "INR", Total: "1249.50", PointsDelta: -81, PointsBalance: 143, PurchaseNumber: 2, RecordedAtUs: 1_795_322_731_123_456,
		RecordNumber: 1042, PreviousHash: common.Hash{6}.Bytes(), PointsEarned: -181, PointsRedeemed: -100,
		SaleHash: common.Hash{7}.Bytes(), Generation: 3,
		Request: []byte(`{"lines":[{"sku":"TEA-250","quantity":"2","unit_price":"624.75"}],"tenders":[{"type":"cash","amount":"1249.50"}],` +
			`"terminal_seq":1.042e3,"offline":true,"external_ref":"R-7","note":"torn","metadata":{"table":"7"}}`),
	}
}

func TestARowIsPublishedAsTheGatewayPublishedTheSale(t *testing.T) {
	gateways := event.Recorded(event.RecordedOf(
		sale.Sale{
			SaleID: "01a1f94f-e264-7599-97ba-9d8ea7e314e5", Kind: sale.KindRefund, RefundOf: "01a1f94f-e264-7599-97ba-9d8ea7e314e4", StoreID: "s1",
			TerminalID: "t1", CustomerID: "C-1001", Currency: "INR", Total: "1249.50", PointsDelta: -81, PointsBalance: 143, PurchaseNumber: 2,
			RecordedAt: 1_795_322_731_123_456, RecordNumber: 1042, PreviousHash: common.Hash{6},
		}, common.Hash{7}, event.Points{Earned: -181, Redeemed: -100}, event.Sent{
			Lines: []event.Line{{SKU: "TEA-250", Quantity: "2", UnitPrice: "624.75"}}, Tenders: []event.Tender{{Type: "cash", Amount: "1249.50"}},
			TerminalSeq: new(int64(1042)), Offline: true, ExternalRef: "R-7", Metadata: map[string]string{"table": "7"},
		},
	), "gateway", 0, "")
	p := &Publisher{log: slog.New(slog.DiscardHandler)}
	again := p.message(row())
	require.Equal(t, string(gateways.Data), string(again.Data))
	require.Equal(t, gateways.Subject, again.Subject)
	require.Equal(t, 3, event.GenerationOf(again.Header))
	require.Equal(t, "tillseal/ledger", again.Header["ce-source"][0])
}

func TestASaleWhoseRequestIsNoRecordIsPublishedWithoutItsLines(t *testing.T) {
	var log testkit.Log
	p := &Publisher{log: slog.New(slog.NewTextHandler(&log, nil))}
	odd := row()
	odd.Request = []byte("tea of C-1001")
	e, err := event.Decode[event.SaleRecorded](p.message(odd).Data)
	require.NoError(t, err)
	require.Equal(t, "1249.50", e.Total)
	require.Empty(t, e.Lines)
	require.Contains(t, log.String(), odd.SaleID)
	require.NotContains(t, log.String(), "C-1001")
}
