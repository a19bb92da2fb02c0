package money_test

import (
	"encoding/json"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

func TestWeiAgreesWithTheVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/pricing.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct{ Total, Rate, Wei string }
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		require.Equal(t, v.Wei, money.Wei(decimal(t, v.Total), decimal(t, v.Rate)).String(), "%s at %s", v.Total, v.Rate)
	}
}

func TestWeiIsTheCeilingOfTheExactQuotient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`[0-9]{1,30}(\.[0-9]{1,30})?`) // all that ParseDecimal takes
		total, errTotal := money.ParseDecimal(number.Draw(t, "total"))
		rate, errRate := money.ParseDecimal(number.Draw(t, "rate"))
		if errTotal != nil || errRate != nil {
			return // zero
		}
		wei := money.Wei(total, rate)
		exact, _ := new(big.Rat).SetString(total.String())
		r, _ := new(big.Rat).SetString(rate.String())
		exact.Mul(exact, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil))).Quo(exact, r)
		above := new(big.Rat).Sub(new(big.Rat).SetInt(wei), exact)
		require.True(t, above.Sign() >= 0 && above.Cmp(big.NewRat(1, 1)) < 0, "%s is not the ceiling of %s", wei, exact)
	})
}

func TestTheExactValueOfADecimalIsThatOfItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,30}(\.[0-9]{1,30})?`).Draw(t, "text")
		d, err := money.ParseDecimal(text)
		if err != nil {
			return // zero
		}
		want, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		require.Zero(t, want.Cmp(d.Rat()), text)
	})
}

func TestAnAmountInWeiHasOneFormOnly(t *testing.T) {
	const most = "115792089237316195423570985008687907853269984665640564039457584007913129639935" // 2^256 - 1
	for _, s := range []string{"0", "1", "7", "10", "4913079001641901", most} {
		wei, err := money.ParseWei(s)
		require.NoError(t, err, s)
		require.Equal(t, s, wei.String())
	}
	for _, s := range []string{
		"", "-0", "00", "007", "+7", "-7", " 7", "7 ", "7.0", "7e1", "0x7", "0b1", "1_000", "٧", "7\n", most[:len(most)-1] + "6", "1" + most,
		strings.Repeat("9", 1000),
	} {
		_, err := money.ParseWei(s)
		require.True(t, fault.Is(err, fault.Invalid), "%q", s)
	}
}

func TestWhatIsNoPositivePlainNumberIsRefused(t *testing.T) {
	for _, s := range []string{
		"", "0", "0.00", "-1", "+1", "1e5", "NaN", "Infinity", "1.", ".5", " 1", "1_000", "0x10", "007", "00.5", "00",
		"9999999999999999999999999999999", "1.0000000000000000000000000000001",
	} {
		_, err := money.ParseDecimal(s)
		require.True(t, fault.Is(err, fault.Invalid), "%q", s)
	}
}

func TestWhatIsZeroIsToldByItsText(t *testing.T) {
	for text, zero := range map[string]bool{
		"0": true, "0.0": true, "0.00": true, "0.000": true,
		"": false, "1": false, "0.01": false, "0.": false, ".0": false, "00": false, "-0": false, "0.0.0": false, "10": false, "0e1": false,
	} {
		require.Equal(t, zero, money.IsZero(text), "%q", text)
	}
	rapid.Check(t, func(t *rapid.T) {
		c, err := money.ParseRecorded(rapid.SampledFrom([]string{"INR", "JPY", "KWD", "XXX"}).Draw(t, "currency"))
		require.NoError(t, err)
		minor := money.Minor(rapid.Int64Range(0, 2000).Draw(t, "minor"))
		require.Equal(t, minor == 0, money.IsZero(c.Format(minor)))
	})
}

func TestNoTillCanSendARecordWithoutACurrency(t *testing.T) {
	none, err := money.ParseRecorded("XXX")
	require.NoError(t, err)
	require.Equal(t, money.NoCurrency, none.Code())
	require.Equal(t, "0", none.Format(0))
	_, err = none.Parse("0.0")
	require.True(t, fault.Is(err, fault.Invalid))
	inr, err := money.ParseRecorded("INR")
	require.NoError(t, err)
	require.Equal(t, 2, inr.Digits())
	for _, code := range []string{"", "xxx", "XTS", "XAU"} {
		_, err := money.ParseRecorded(code)
		require.True(t, fault.Is(err, fault.Invalid), code)
	}
	_, err = money.ParseCurrency("XXX")
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestEveryCurrencyIsListedOnceInOrder(t *testing.T) {
	var codes []string
	for _, c := range money.Currencies() {
		known, err := money.ParseCurrency(c.Code())
		require.NoError(t, err)
		require.Equal(t, known, c)
		codes = append(codes, c.Code())
	}
	require.True(t, slices.IsSorted(codes))
	require.Len(t, slices.Compact(codes), 155)
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				code := string([]rune{a, b, c})
				_, err := money.ParseCurrency(code)
				require.Equal(t, err == nil, slices.Contains(codes, code), code)
			}
		}
	}
}

func TestAnAmountComesBackInCanonicalForm(t *testing.T) {
	for _, c := range []struct {
		code, in, out string
		minor         money.Minor
	}{
		{"INR", "1249.5", "1249.50", 124950},
		{"INR", "0", "0.00", 0},
		{"INR", "0.05", "0.05", 5},
		{"JPY", "300", "300", 300},
		{"KWD", "1.5", "1.500", 1500},
		{"KWD", "999999999999999.999", "999999999999999.999", 999999999999999999},
	} {
		currency, err := money.ParseCurrency(c.code)
		require.NoError(t, err)
		minor, err := currency.Parse(c.in)
		require.NoError(t, err)
		require.Equal(t, c.minor, minor)
		require.Equal(t, c.out, currency.Format(minor))
	}
	inr, _ := money.ParseCurrency("INR")
	require.Equal(t, "-0.07", inr.Format(-7))
}

var contractForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?$`)

func TestExactlyTheContractsFormIsAccepted(t *testing.T) {
	kwd, err := money.ParseCurrency("KWD")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[0-9]{0,17}\.?[0-9]{0,5}`), rapid.String(), rapid.StringMatching(`[-+ 0-9.eE]{0,6}`)).Draw(t, "s")
		_, err := kwd.Parse(s)
		require.Equal(t, contractForm.MatchString(s), err == nil, "%q", s)
	})
}

func TestACurrencyAllowsOnlyItsOwnDecimals(t *testing.T) {
	for code, bad := range map[string]string{"INR": "1.005", "JPY": "1.0", "EUR": "0.001"} {
		c, err := money.ParseCurrency(code)
		require.NoError(t, err)
		_, err = c.Parse(bad)
		require.True(t, fault.Is(err, fault.Invalid), code)
	}
	for _, code := range []string{"", "inr", "XXX", "XAU", "CLF", "INRR", "₹"} {
		_, err := money.ParseCurrency(code)
		require.True(t, fault.Is(err, fault.Invalid), code)
	}
}

func BenchmarkWei(b *testing.B) {
	total, _ := money.ParseDecimal("1249.50")
	rate, _ := money.ParseDecimal("254321.17")
	for b.Loop() {
		money.Wei(total, rate)
	}
}

func decimal(t *testing.T, s string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(s)
	require.NoError(t, err)
	return d
}

func TestASumOfAmountsIsExactHoweverLargeItGets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inr, err := money.ParseCurrency("INR")
		require.NoError(t, err)
		amounts := rapid.SliceOf(rapid.OneOf(rapid.Int64Range(-1<<60, 1<<60), rapid.SampledFrom([]int64{1<<63 - 1, -1 << 63, -1, 1})))
		var plus, minus money.Sum
		want := new(big.Int)
		for _, m := range amounts.Draw(t, "plus") {
			plus.Add(money.Minor(m))
			want.Add(want, big.NewInt(m))
		}
		for _, m := range amounts.Draw(t, "minus") {
			minus.Add(money.Minor(m))
			want.Sub(want, big.NewInt(m))
		}
		require.Equal(t, new(big.Rat).SetFrac(want, big.NewInt(100)).FloatString(2), inr.FormatSum(plus.Minus(minus)))
	})
}
