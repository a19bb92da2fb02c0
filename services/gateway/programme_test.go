package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/loyalty"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestATillAsksForTheRulesOfTheProgramme(t *testing.T) {
	shop := setup(t)
	refuses(t, shop.till.do("GET", "/loyalty/rules", "", "Authorization", ""), 401, refusal.Unauthenticated)
	r := shop.till.do("GET", "/loyalty/rules", "")
	require.Equal(t, 200, r.Status)
	require.JSONEq(t, loyalty.Default, string(r.Body))

	path := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(path, []byte(bookRules), 0o600))
	g := shop.addGateway(func(c *gateway.Config) { c.LoyaltyRules = path })
	require.JSONEq(t, bookRules, string(shop.till.at(g).do("GET", "/loyalty/rules", "").Body))
}

type currencies struct {
	RatesKnown bool `json:"rates_known"`
	Currencies []struct {
		Currency   string
		Digits     int
		Rate       string
		Redeemable bool
	}
}

func TestATillAsksWhichCurrenciesHaveARateNow(t *testing.T) {
	shop := setup(t)
	refuses(t, shop.till.do("GET", "/currencies", "", "Authorization", ""), 401, refusal.Unauthenticated)
	of := func(r reply) (known bool, rates map[string]string) {
		require.Equal(t, 200, r.Status)
		answer := read[currencies](t, r)
		rates = make(map[string]string)
		for _, c := range answer.Currencies {
			rates[c.Currency] = c.Rate
		}
		require.Equal(t, len(answer.Currencies), len(rates))
		return answer.RatesKnown, rates
	}
	known, rates := of(shop.till.do("GET", "/currencies", "")) // nobody prices
	require.False(t, known)
	require.Equal(t, "unknown", rates["INR"])
	require.Equal(t, "unknown", rates["KWD"])
	require.Len(t, rates, 155)

	var asked atomic.Int64
	stop, err := shop.bus.Serve(context.Background(), "stands in for pricing", stream.Answers(stream.Endpoint{Subject: event.SubjectCurrenciesGet},
		func(context.Context, event.CurrenciesQuery) (event.PricedCurrencies, error) {
			asked.Add(1)
			return event.PricedCurrencies{Currencies: []event.PricedCurrency{{Currency: "INR", Tier: "live", Value: "254321.17"}}}, nil
		}))
	require.NoError(t, err)
	defer stop()
	eventually(t, "pricing is asked again", func() error {
		if known, rates = of(shop.till.do("GET", "/currencies", "")); !known {
			return errors.New("not known")
		}
		return nil
	})
	require.Equal(t, "live", rates["INR"])
	require.Equal(t, "none", rates["KWD"])
	require.Equal(t, int64(1), asked.Load())
	shop.till.do("GET", "/currencies", "")
	require.Equal(t, int64(1), asked.Load(), "one answer serves many tills")
	all := read[struct{ Currencies []json.RawMessage }](t, shop.till.do("GET", "/currencies", "")).Currencies
	require.JSONEq(t, `{"currency":"AED","digits":2,"rate":"none","redeemable":false}`, string(all[0]))
	// A sale is taken in any of them.
	shop.till.sell(newKey(), `{"currency":"KWD","total":"1.000"}`)
}

func TestTheDocumentedRulesCanBeUsed(t *testing.T) {
	document, err := os.ReadFile("../../infra/docs/CONFIGURATION.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(document), "## The loyalty rules")
	require.True(t, found)
	_, after, found = strings.Cut(after, "```json\n")
	require.True(t, found)
	example, _, found := strings.Cut(after, "```")
	require.True(t, found)
	rules, err := loyalty.Parse([]byte(example))
	require.NoError(t, err)
	shown, err := json.Marshal(rules)
	require.NoError(t, err)
	require.JSONEq(t, example, string(shown), "the example has every member")
}
