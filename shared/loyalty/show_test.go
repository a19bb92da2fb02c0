package loyalty_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/loyalty"
)

func parsed(t require.TestingT, text string) *loyalty.Rules {
	r, err := loyalty.Parse([]byte(text))
	require.NoError(t, err, text)
	return r
}

func TestRulesAreShownAsTheirFileHasThem(t *testing.T) {
	const sparse = `{"point_worth": {"USD": "0.0100", "INR": "0.250000", "EUR": "0.00"}, "tiers": [{"multiplier": "1.50", "name": "b & <c>", "from_purchase": 1}],
		"first_purchase_bonus": 0, "points_per_unit": {"JPY": "100", "INR": "0.1", "KWD": "0"}, "version": "autumn 26"}`
	text, err := event.PlainJSON(parsed(t, sparse))
	require.NoError(t, err)
	require.Equal(t, `{"version":"autumn 26","points_per_unit":{"INR":"0.1","JPY":"100"},"first_purchase_bonus":0,`+
		`"tiers":[{"name":"b & <c>","from_purchase":1,"multiplier":"1.5"}],"point_worth":{"INR":"0.25","USD":"0.01"},`+
		`"earn_nothing":["tip","gift_card","deposit","rounding"],"offline_redeem_max":1000}`, string(text))

	text, err = json.Marshal(parsed(t, loyalty.Default))
	require.NoError(t, err)
	require.JSONEq(t, loyalty.Default, string(text), "the built-in rules leave nothing out")
}

func TestRulesAsTheyAreShownAreTheSameRules(t *testing.T) {
	factor := rapid.StringMatching(`(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?`)
	codes := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"INR", "USD", "EUR", "JPY", "KWD", "XPF"}), rapid.ID[string])
	lines := rapid.SliceOfDistinct(rapid.SampledFrom(event.LineTypes), rapid.ID[event.LineType])
	rapid.Check(t, func(rt *rapid.T) {
		byCurrency := func(of string) map[string]string {
			all := map[string]string{}
			for _, code := range codes.Draw(rt, of) {
				all[code] = factor.Draw(rt, of+" of "+code)
			}
			return all
		}
		var tiers []map[string]any
		from := uint64(1)
		for i := range rapid.IntRange(1, 20).Draw(rt, "tiers") {
			tiers = append(tiers, map[string]any{"name": fmt.Sprintf("tier \u2028 %d", i), "from_purchase": from, "multiplier": factor.Draw(rt, "multiplier")})
			from += rapid.Uint64Range(1, 1<<30).Draw(rt, "further")
		}
		file := map[string]any{
			"version": "v" + strings.Repeat("é", rapid.IntRange(0, 31).Draw(rt, "version")), "points_per_unit": byCurrency("points"),
			"first_purchase_bonus": rapid.IntRange(0, 1_000_000).Draw(rt, "bonus"), "tiers": tiers, "point_worth": byCurrency("worth"),
		}
		if rapid.Bool().Draw(rt, "names what earns nothing") {
			file["earn_nothing"] = lines.Draw(rt, "earn nothing")
		}
		if rapid.Bool().Draw(rt, "limits offline redemptions") {
			file["offline_redeem_max"] = rapid.IntRange(0, 1_000_000_000).Draw(rt, "offline")
		}
		text, err := json.Marshal(file)
		require.NoError(rt, err)
		rules := parsed(rt, string(text))
		for _, encode := range []func(any) ([]byte, error){event.PlainJSON, json.Marshal} {
			text, err := encode(rules)
			require.NoError(rt, err)
			again := parsed(rt, string(text))
			third, err := encode(again)
			require.NoError(rt, err)
			require.Equal(rt, string(text), string(third))
			again.Hash, again.Text = rules.Hash, rules.Text // of which they were read
			require.Equal(rt, rules, again)
		}
	})
}
