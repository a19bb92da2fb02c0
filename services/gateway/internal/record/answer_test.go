package record

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAnAnswersBytesAreItsJSON(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-z0-9:./?=~_-]{1,40}`), rapid.String())
		a := Answer{
			SaleID: text.Draw(rt, "sale_id"), Kind: "refund", StoreID: text.Draw(rt, "store_id"), TerminalID: text.Draw(rt, "terminal_id"),
			RecordedAt: text.Draw(rt, "recorded_at"), Currency: text.Draw(rt, "currency"), Total: text.Draw(rt, "total"),
			RecordNumber: rapid.Uint64().Draw(rt, "record_number"), PreviousHash: text.Draw(rt, "previous_hash"),
			Anchor:  Anchor{Status: text.Draw(rt, "status"), SaleHash: text.Draw(rt, "sale_hash"), ProofURL: text.Draw(rt, "proof_url")},
			Promise: rapid.StringN(1, 40, -1).Draw(rt, "promise"), ReceiptURL: text.Draw(rt, "receipt_url"),
		}
		if rapid.Bool().Draw(rt, "customer") {
			n := rapid.Int64()
			a.Loyalty = &Loyalty{
				CustomerID: text.Draw(rt, "customer_id"), PurchaseNumber: n.Draw(rt, "purchase_number"), FirstPurchase: rapid.Bool().Draw(rt, "first"),
				PointsEarned: n.Draw(rt, "earned"), PointsRedeemed: n.Draw(rt, "redeemed"), PointsBalance: n.Draw(rt, "balance"),
			}
		}
		want, err := json.Marshal(a)
		require.NoError(rt, err)
		require.Equal(rt, string(want), string(a.Bytes()))
	})
}
