package event_test

import (
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
)

// BenchmarkRecorded makes the message of a sale without lines, and of a long slip with two taxes a line.
func BenchmarkRecorded(b *testing.B) {
	line := `{"sku":"HSN0902","name":"Assam tea","quantity":"2","unit_price":"499.75",` +
		`"taxes":[{"name":"CGST","rate":"9","amount":"89.96"},{"name":"SGST","rate":"9","amount":"89.96"}],"amount":"1179.42"}`
	long, err := event.SentOf([]byte(`{"lines":[` + strings.Repeat(line+",", 29) + line + `]}`))
	if err != nil {
		b.Fatal(err)
	}
	facts := sale.Sale{
		SaleID: "01a1f94f-e264-7599-97ba-9d8ea7e314e5", Kind: sale.KindSale, StoreID: "s1", TerminalID: "t1", CustomerID: "C-1001", Currency: "INR",
		Total: "35382.60", RecordedAt: 1,
	}
	for name, sent := range map[string]event.Sent{"no line": {}, "30 lines with two taxes": long} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				event.Recorded(event.RecordedOf(facts, common.Hash{1}, event.Points{}, sent), "gateway", 0, "")
			}
		})
	}
}
