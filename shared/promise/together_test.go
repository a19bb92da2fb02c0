package promise_test

import (
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/promise"
)

// many are promises of two keys in turn, and the keys.
func many(t testing.TB, n int) (signed []string, keys promise.Set) {
	t.Helper()
	var made []*promise.Key
	for range 2 {
		key, err := promise.ParseKey(promise.NewKeyPEM())
		require.NoError(t, err)
		made, keys.Keys = append(made, key), append(keys.Keys, key.JWK())
	}
	for i := range n {
		signed = append(signed, made[i%2].SignSale(promise.Sale{
			Issuer: "https://shop.example", SaleID: fmt.Sprintf("sale-%d", i), SaleHash: common.BigToHash(common.Big1), StoreID: "s1", TerminalID: "t1",
			RecordNumber: uint64(i + 1), IssuedAt: 1, AnchorBy: 2,
		}))
	}
	return signed, keys
}

// TestManyAreOpenedAsEachAlone changes some promises at random places and compares what is said of each.
func TestManyAreOpenedAsEachAlone(t *testing.T) {
	sound, keys := many(t, 150)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, len(sound)).Draw(rt, "promises")
		signed := append([]string{}, sound[:n]...)
		for range rapid.IntRange(0, min(n, 3)).Draw(rt, "changed") {
			i := rapid.IntRange(0, n-1).Draw(rt, "which")
			at := rapid.IntRange(0, len(signed[i])-1).Draw(rt, "where")
			signed[i] = signed[i][:at] + rapid.SampledFrom([]string{"A", "B", "_", ".", "", "AA"}).Draw(rt, "what") + signed[i][at+1:]
		}
		known := keys
		if rapid.IntRange(0, 9).Draw(rt, "a key is not known") == 0 {
			known = promise.Set{Keys: keys.Keys[:1]}
		}
		claims, errs := promise.OpenSales(signed, known)
		for i := range signed {
			alone, err := promise.OpenSale(signed[i], known)
			require.Equal(rt, err, errs[i])
			require.Equal(rt, alone, claims[i])
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	const each = 640
	signed, keys := many(b, each)
	b.Run("640 together", func(b *testing.B) {
		for b.Loop() {
			promise.OpenSales(signed, keys)
		}
	})
	b.Run("640 one by one", func(b *testing.B) {
		for b.Loop() {
			for _, jws := range signed {
				_, _ = promise.OpenSale(jws, keys)
			}
		}
	})
}
