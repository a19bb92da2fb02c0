package record

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/money"
)

// A line's product is what fractions give, rounded once.
func TestAProductIsExactAndRoundedHalfUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.StringMatching(`(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?`)
		a, b := form.Draw(t, "quantity"), form.Draw(t, "unit price")
		currency, err := money.ParseCurrency(rapid.SampledFrom([]string{"JPY", "EUR", "KWD"}).Draw(t, "currency"))
		require.NoError(t, err)
		quantity, isA := parseFactor(a)
		price, isB := parseFactor(b)
		require.True(t, isA && isB)

		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(currency.Digits())), nil))
		x.Mul(x, y).Mul(x, scale).Add(x, big.NewRat(1, 2))
		require.Equal(t, new(big.Int).Div(x.Num(), x.Denom()).String(), product(quantity, price, currency).String())
	})
}

func TestAFactorHasOneForm(t *testing.T) {
	for _, text := range []string{
		"", ".", "1.", ".5", "01", "00", "-1", "+1", "1e2", "1,5", " 1", "1 ", "1.0000001", "1234567890123456", "1.5.5", "0x1", "1_0", "١",
	} {
		_, ok := parseFactor(text)
		require.False(t, ok, text)
	}
	for _, text := range []string{"0", "0.0", "0.000001", "123456789012345.999999", "10"} {
		_, ok := parseFactor(text)
		require.True(t, ok, text)
	}
}
