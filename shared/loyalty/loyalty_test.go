package loyalty_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/loyalty"
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
		base     money.Minor
		purchase uint64
		bonus    bool
		earned   int64
	}{
		{1199_50, 2, false, 119},
		{1199_50, 1, true, 169},
		{0, 2, false, 0},
		{9_99, 2, false, 0},
		{10_00, 2, false, 1},
		{1199_50, 9, false, 119},
		{1199_50, 10, false, 149},
		{1199_50, 50, false, 179},
		{0, 1, true, 0},
		{1, 2, true, 50},
	} {
		earned, ok := r.Earn(inr, c.base, c.purchase, c.bonus)
		require.True(t, ok)
		require.Equal(t, c.earned, earned, "%+v", c)
	}
	earned, ok := r.Earn(currency(t, "KWD"), 1000, 1, true)
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
		{change(`"version": "2"`, `"version": ""`), "version must be"},
		{change(`"version": "2"`, `"version": 1`), "version must be"},
		{change(`"version": "2"`, `"version": "`+strings.Repeat("x", 33)+`"`), "version must be"},
		{change(`"version": "2",`, ``), "version is missing"},
		{change(`"version"`, `"Version"`), "Version is not a member"},
		{change(`"version": "2"`, `"version": "2", "version": "3"`), "in version at byte 20: a member is repeated"},
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
		{change(`"earn_nothing": [`, `"earn_nothing": ["tips", `), "earn_nothing[0] must be one of [item return"},
		{change(`"earn_nothing": [`, `"earn_nothing": ["gift_card", `), "earn_nothing[2] is there twice"},
		{change(`"earn_nothing": ["tip", "gift_card", "deposit", "rounding"]`, `"earn_nothing": "tip"`), "earn_nothing must be an array"},
		{change(`"offline_redeem_max": 1000`, `"offline_redeem_max": -1`), "offline_redeem_max must be"},
		{change(`"offline_redeem_max": 1000`, `"offline_redeem_max": null`), "offline_redeem_max must be"},
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
		earned, ok := r.Earn(inr, 10_000_00, c.purchase, false)
		require.True(t, ok)
		require.Equal(t, c.earned, earned, c.purchase)
		require.Equal(t, c.tier, r.Tier(c.purchase))
	}
	require.Equal(t, "base", r.Tier(0))
}

func TestLinesThatEarnNothingAreNoneOfTheBase(t *testing.T) {
	lines := map[event.LineType]money.Sum{}
	put := func(of event.LineType, m money.Minor) {
		var sum money.Sum
		sum.Add(m)
		lines[of] = sum
	}
	put(event.LineItem, 100_00)
	put(event.LineTip, 12_00)
	put(event.LineRounding, -41)
	put(event.LineShipping, 5_00)
	without := strings.Replace(loyalty.Default, `,
  "earn_nothing": ["tip", "gift_card", "deposit", "rounding"],
  "offline_redeem_max": 1000`, "", 1)
	require.NotEqual(t, loyalty.Default, without)
	for _, c := range []struct {
		rules        string
		total, worth money.Minor
		base         money.Minor
	}{
		{loyalty.Default, 116_59, 0, 105_00},
		{without, 116_59, 0, 105_00}, // the same by default
		{strings.Replace(loyalty.Default, `["tip", "gift_card", "deposit", "rounding"]`, `[]`, 1), 116_59, 0, 116_59},
		{strings.Replace(loyalty.Default, `["tip", "gift_card", "deposit", "rounding"]`, `["item", "shipping"]`, 1), 116_59, 0, 11_59},
		{loyalty.Default, 116_59, 50_00, 55_00},
		{loyalty.Default, 116_59, 116_59, 0}, // more than what earns
	} {
		r, err := loyalty.Parse([]byte(c.rules))
		require.NoError(t, err)
		base, fits := r.Base(c.total, c.worth, lines)
		require.True(t, fits)
		require.Equal(t, c.base, base, "%+v", c)
		require.Equal(t, int64(1000), r.OfflineRedeemMax())
	}
	base, fits := rules(t).Base(10_00, 0, nil)
	require.True(t, fits)
	require.Equal(t, money.Minor(10_00), base, "a sale without lines earns on all of it")
}

func TestAReturnWithoutAReceiptTakesBackWhatThePlainRateGives(t *testing.T) {
	r := rules(t)
	for code, want := range map[string]int64{"INR": 1, "USD": 19, "KWD": 0} {
		clawed, ok := r.Claw(currency(t, code), 1999)
		require.True(t, ok)
		require.Equal(t, want, clawed, code)
	}
	require.Equal(t, "0.25 INR", r.PointWorth(currency(t, "INR")))
	require.Equal(t, "1 JPY", r.PointWorth(currency(t, "JPY")))
	require.Equal(t, "0 KWD", r.PointWorth(currency(t, "KWD")))
}
