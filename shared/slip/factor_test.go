package slip

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/money"
)

// A line's product is what fractions give, rounded once.
func TestAProductIsExactAndRoundedAwayFromZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.StringMatching(`-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?`)
		a, b := form.Draw(t, "quantity"), form.Draw(t, "unit price")
		currency, err := money.ParseCurrency(rapid.SampledFrom([]string{"JPY", "EUR", "KWD"}).Draw(t, "currency"))
		require.NoError(t, err)
		quantity, isA := ParseFactor(a)
		price, isB := ParseFactor(b)
		require.True(t, isA && isB)

		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(currency.Digits())), nil))
		x.Mul(x, y).Mul(x, scale)
		got := quantity.Times(price, currency)
		require.Zero(t, x.Cmp(new(big.Rat).SetFrac(got.units, got.per)))
		size := new(big.Rat).Abs(x)
		half := new(big.Rat).Add(size, big.NewRat(1, 2))
		rounded := new(big.Int).Div(half.Num(), half.Denom())
		if x.Sign() < 0 {
			rounded.Neg(rounded)
		}
		require.Equal(t, rounded.String(), got.rounded().String())
		require.False(t, new(big.Rat).SetInt(got.Outward()).Cmp(size) < 0)
		require.True(t, new(big.Rat).Sub(new(big.Rat).SetInt(got.Outward()), size).Cmp(big.NewRat(1, 1)) < 0)
		written, ok := new(big.Rat).SetString(got.Text(currency))
		require.True(t, ok)
		require.Zero(t, x.Cmp(written.Mul(written, scale)), "it is written as it is")
		if near := rapid.Int64Range(-3, 3).Draw(t, "off"); rounded.IsInt64() && rounded.CmpAbs(big.NewInt(1<<60)) < 0 {
			m := money.Minor(rounded.Int64() + near)
			off := new(big.Rat).Sub(x, new(big.Rat).SetInt64(int64(m)))
			require.Equal(t, off.Abs(off).Cmp(big.NewRat(1, 1)) <= 0, got.Within(m))
		}
	})
}

func TestAFactorHasOneForm(t *testing.T) {
	for _, text := range []string{
		"", ".", "1.", ".5", "01", "00", "--1", "-", "-01", "- 1", "+1", "1e2", "1,5", " 1", "1 ", "1.0000000001", "1234567890123456", "1.5.5", "0x1",
		"1_0", "١",
	} {
		_, ok := ParseFactor(text)
		require.False(t, ok, text)
	}
	for _, text := range []string{"0", "0.0", "0.000000001", "123456789012345.999999999", "10", "-1", "-0.5", "-0"} {
		_, ok := ParseFactor(text)
		require.True(t, ok, text)
	}
}
