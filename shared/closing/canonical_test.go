package closing_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gowebpki/jcs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
)

// anyClosing draws closings that no till makes too: their form must be RFC 8785's whatever is in them.
func anyClosing(t *rapid.T) event.SalesClosed {
	text := rapid.OneOf(
		rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("a\"\\/<>&\u2028\u2029\x7f\u0085é☕😀\ufffd\u0000\b\t\n\v\f\r\x1f "))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
	number := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1<<53 + 2, -1 << 53, math.MaxInt64, math.MinInt64}))
	count := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1<<63 - 1, math.MaxUint64}))
	currency := rapid.Custom(func(t *rapid.T) event.ClosedCurrency {
		return event.ClosedCurrency{
			Currency: text.Draw(t, "currency"), Net: text.Draw(t, "net"),
			Sales:   event.ClosedSales{Count: count.Draw(t, "sales"), Gross: text.Draw(t, "gross")},
			Refunds: event.ClosedRefunds{Count: count.Draw(t, "refunds"), Total: text.Draw(t, "total")},
			Tax: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.ClosedTax {
				return event.ClosedTax{Rate: rapid.Ptr(text, true).Draw(t, "rate"), Amount: text.Draw(t, "tax")}
			}), 0, 3).Draw(t, "taxes"),
			Tenders: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.ClosedTender {
				return event.ClosedTender{Type: text.Draw(t, "type"), Count: count.Draw(t, "payments"), Amount: text.Draw(t, "paid")}
			}), 0, 3).Draw(t, "tenders"),
		}
	})
	gap := rapid.Custom(func(t *rapid.T) [2]int64 { return [2]int64{number.Draw(t, "from"), number.Draw(t, "to")} })
	return event.SalesClosed{
		StoreID: text.Draw(t, "store"), TerminalID: text.Draw(t, "terminal"),
		RecordsOf: rapid.OneOf(rapid.Just(""), text).Draw(t, "records of"), ClosingNumber: count.Draw(t, "number"),
		FromNumber: count.Draw(t, "first"), ToNumber: count.Draw(t, "last"),
		HeadHash: common.BytesToHash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "head")),
		OpenedAt: text.Draw(t, "opened"), ClosedAt: text.Draw(t, "closed"),
		Currencies: rapid.SliceOfN(currency, 0, 3).Draw(t, "currencies"),
		Points:     event.ClosedPoints{Earned: number.Draw(t, "earned"), Redeemed: number.Draw(t, "redeemed")},
		Late:       event.ClosedLate{Count: count.Draw(t, "late")}, MissingTerminalSeq: rapid.SliceOfN(gap, 0, 3).Draw(t, "missing"),
	}
}

func TestTheCanonicalFormIsWhatOthersMakeOfAClosing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyClosing(t)
		plain, err := json.Marshal(c)
		require.NoError(t, err)
		want, err := jcs.Transform(plain)
		require.NoError(t, err)
		require.Equal(t, string(want), string(closing.Canonical(c)))
		require.Equal(t, sale.Keccak(want), closing.Hash(c))
		signed := c
		signed.Promise = "a.b.c"
		require.Equal(t, closing.Hash(c), closing.Hash(signed), "the promise is over the hash")
		var read event.SalesClosed
		require.NoError(t, json.Unmarshal(plain, &read))
		require.Equal(t, closing.Hash(c), closing.Hash(read), "whoever reads it finds the same hash")
	})
}

func TestAnEmptyListIsOneWhetherItIsThereOrNot(t *testing.T) {
	empty := event.SalesClosed{Currencies: []event.ClosedCurrency{}, MissingTerminalSeq: [][2]int64{}}
	require.Equal(t, closing.Hash(empty), closing.Hash(event.SalesClosed{}))
}
