package export_test

import (
	"fmt"
	"testing"

	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// firstAt is recorded_at of the first generated record, in Unix microseconds.
const firstAt = 1795322731123456

// leave makes n records of a new till of store s1 as a gateway would leave them, each a second after the one before: sales of one line, every tenth
// a return without a receipt. clock may say otherwise when the n-th is recorded.
func leave(t testing.TB, adminURL, terminal string, n int, clock func(number int) int64) {
	t.Helper()
	testkit.Records{
		Terminal: terminal, Count: n,
		Request: func(number uint64) (sale.Kind, []byte) {
			kind := sale.KindSale
			if number%10 == 0 {
				kind = sale.KindRefund
			}
			return kind, fmt.Appendf(nil, `{"kind":%q,"currency":"INR","total":"1249.50","lines":[{"sku":"TEA-250","name":"Assam tea","quantity":"2",`+
				`"unit_price":"499.75","taxes":[{"rate":"12.5","amount":"125.00"},{"rate":"12.50","amount":"125.00"}]}],`+
				`"tenders":[{"type":"cash","amount":"1249.50"}],"terminal_seq":%d}`, kind, number)
		},
		At: func(number uint64) int64 {
			if clock != nil {
				return clock(int(number))
			}
			return firstAt + int64(number-1)*1_000_000
		},
	}.Leave(t, adminURL)
}
