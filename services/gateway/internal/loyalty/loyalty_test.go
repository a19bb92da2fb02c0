package loyalty_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/services/gateway/internal/loyalty"
	"github.com/tillseal/tillseal/shared/money"
)

func rules(t testing.TB) *loyalty.Rules {
	t.Helper()
	r, err := loyalty.Parse([]byte(loyalty.Default))
	require.NoError(t, err)
	return r
}

func currency(t testing.TB, code string) money.Currency {
	t.Helper()
	c, err := money.ParseCurrency(code)
	require.NoError(t, err)
	return c
}

func TestTheContractsExample(t *testing.T) {
	r, inr := rules(t), currency(t, "INR")
	worth, ok := r.Worth(inr, 200)
	require.True(t, ok)
	require.Equal(t, money.Minor(50_00), worth)
	for _, c := range []struct {
		paid     money.Minor
		purchase uint64
		earned   int64
	}{
		{1199_50, 2, 119}, {1199_50, 1, 169}, {0, 2, 0}, {9_99, 2, 0}, {10_00, 2, 1}, {1199_50, 9, 119}, {1199_50, 10, 149}, {1199_50, 50, 179},
	} {
		earned, ok := r.Earn(inr, c.paid, c.purchase)
		require.True(t, ok)
		require.Equal(t, c.earned, earned, "%+v", c)
	}
	earned, ok := r.Earn(currency(t, "KWD"), 1000, 1)
	require.True(t, ok)
	require.Equal(t, int64(50), earned, "a currency without points still greets a new customer")
	_, ok = r.Worth(currency(t, "KWD"), 1)
	require.False(t, ok)
	_, ok = r.Worth(inr, 1<<53-1)
	require.True(t, ok)
}

func TestPartsOfARefundNeverDrift(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		points := rapid.Int64Range(0, 1<<62).Draw(rt, "points")
		total := rapid.Int64Range(1, 1<<59).Draw(rt, "total")
		var refunded, gone int64
		for refunded < total {
			refunded += rapid.Int64Range(1, total-refunded).Draw(rt, "part")
			share := loyalty.Share(points, money.Minor(refunded), money.Minor(total))
			exact := new(big.Int).Mul(big.NewInt(points), big.NewInt(refunded))
			require.Equal(rt, exact.Quo(exact, big.NewInt(total)).Int64(), share)
			require.GreaterOrEqual(rt, share, gone)
			gone = share
		}
		require.Equal(rt, points, gone)
	})
}

func TestWrongRulesAreNamed(t *testing.T) {
	change := func(from, to string) string {
		require.Contains(t, loyalty.Default, from)
		return strings.Replace(loyalty.Default, from, to, 1)
	}
	for _, c := range []struct{ rules, says string }{
		{"", "not strict JSON, at byte 0"},
		{"\xff", "UTF-8"},
		{"[]", "the file must be an object"},
		{"null", "the file must be an object"},
		{`{"version":`, "not strict JSON, in version at byte 11"},
		{`{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, "too deeply"},
		{change(`"version": "1"`, `"version": ""`), "version must be"},
		{change(`"version": "1"`, `"version": 1`), "version must be"},
		{change(`"version": "1"`, `"version": "`+strings.Repeat("x", 33)+`"`), "version must be"},
		{change(`"version": "1",`, ``), "version is missing"},
		{change(`"version"`, `"Version"`), "Version is not a member"},
		{change(`"version": "1"`, `"version": "1", "version": "2"`), "in version at byte 20: a member is repeated"},
		{change(`"INR": "0.1"`, `"INR": "1e3"`), "points_per_unit.INR must be"},
		{change(`"INR": "0.1"`, `"INR": 0.1`), "points_per_unit.INR must be"},
		{change(`"INR": "0.1"`, `"INR": null`), "points_per_unit.INR must be"},
		{change(`"INR": "0.1"`, `"XXX": "0.1"`), "points_per_unit.XXX is not"},
		{change(`"INR": "0.1"`, `"INR": "0.1", "INR": "0.2"`), "in points_per_unit.INR at byte 56: a member is repeated"},
		{change(`"first_purchase_bonus": 50`, `"first_purchase_bonus": -1`), "first_purchase_bonus must be"},
		{change(`"first_purchase_bonus": 50`, `"first_purchase_bonus": 5e1`), "first_purchase_bonus must be"},
		{change(`"first_purchase_bonus": 50`, `"first_purchase_bonus": null`), "first_purchase_bonus must be"},
		{change(`"from_purchase": 1,`, `"from_purchase": 2,`), "tiers[0].from_purchase must be 1"},
		{change(`"from_purchase": 10,`, `"from_purchase": 1,`), "tiers[1].from_purchase must be above"},
		{change(`"from_purchase": 10,`, ``), "tiers[1].from_purchase is missing"},
		{change(`"silver"`, `"base"`), "tiers[1].name is another"},
		{change(`"silver"`, `" "`), "tiers[1].name must be"},
		{change(`"name": "gold"`, `"name": "gold", "colour": "x"`), "tiers[2].colour is not a member"},
		{change(`"1.5"`, `"-1.5"`), "tiers[2].multiplier must be"},
		{change(`"1.25"`, `1.25`), "tiers[1].multiplier must be"},
		{change(`"tiers": [`, `"tiers": [7, `), "tiers[0] must be an object"},
		{change(`"USD": "0.01"`, `"USD": "free"`), "point_worth.USD must be"},
		{change(`"first_purchase_bonus"`, `"bonus"`), "bonus is not a member"},
		{loyalty.Default + "{", "something follows the JSON value"},
	} {
		_, err := loyalty.Parse([]byte(c.rules))
		require.ErrorContains(t, err, c.says, c.rules)
	}
}

func TestATierCountsFromItsPurchase(t *testing.T) {
	r, inr := rules(t), currency(t, "INR")
	for _, c := range []struct {
		purchase uint64
		tier     string
		earned   int64
	}{{2, "base", 1000}, {9, "base", 1000}, {10, "silver", 1250}, {49, "silver", 1250}, {50, "gold", 1500}, {1 << 50, "gold", 1500}} {
		earned, ok := r.Earn(inr, 10_000_00, c.purchase)
		require.True(t, ok)
		require.Equal(t, c.earned, earned, c.purchase)
		require.Equal(t, c.tier, r.Tier(c.purchase))
	}
	require.Equal(t, "base", r.Tier(0))
}
