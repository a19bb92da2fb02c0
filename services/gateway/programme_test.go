package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/loyalty"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
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

// rates asks which currencies have a rate now, and checks what does not depend on that.
func (t *till) rates() (known bool, byCode map[string]string) {
	t.t.Helper()
	r := t.do("GET", "/currencies", "")
	require.Equal(t.t, 200, r.Status, "%s", r.Body)
	answer := read[struct {
		RatesKnown bool `json:"rates_known"`
		Currencies []struct {
			Currency   string
			Digits     int
			Rate       string
			Redeemable bool
		}
	}](t.t, r)
	byCode = make(map[string]string)
	var redeemable []string
	for i, c := range answer.Currencies {
		known := money.Currencies()[i]
		require.Equal(t.t, []any{known.Code(), known.Digits()}, []any{c.Currency, c.Digits})
		byCode[c.Currency] = c.Rate
		if c.Redeemable {
			redeemable = append(redeemable, c.Currency)
		}
	}
	require.Len(t.t, byCode, len(money.Currencies()))
	require.Equal(t.t, []string{"EUR", "GBP", "INR", "JPY", "USD"}, redeemable)
	return answer.RatesKnown, byCode
}

// pricing answers which currencies have a rate in place of the pricing service.
func (s *shop) pricing(answer func() (event.PricedCurrencies, error)) (stop func()) {
	s.t.Helper()
	stop, err := s.bus.Serve(context.Background(), "stands in for pricing", stream.Answers(stream.Endpoint{Subject: event.SubjectCurrenciesGet},
		func(context.Context, event.CurrenciesQuery) (event.PricedCurrencies, error) { return answer() }))
	require.NoError(s.t, err)
	return stop
}

// waitForRate asks until a currency's rate is as a test wants it: an answer is kept for a while.
func (t *till) waitForRate(code, want string) {
	t.t.Helper()
	eventually(t.t, code+" is "+want, func() error {
		known, rates := t.rates()
		if rates[code] != want {
			return errors.New(rates[code])
		}
		require.Equal(t.t, want != "unknown", known)
		return nil
	})
}

func TestATillAsksWhichCurrenciesHaveARateNow(t *testing.T) {
	shop := setup(t)
	refuses(t, shop.till.do("GET", "/currencies", "", "Authorization", ""), 401, refusal.Unauthenticated)
	stop := shop.pricing(func() (event.PricedCurrencies, error) {
		return event.PricedCurrencies{Currencies: []event.PricedCurrency{{Currency: "INR", Tier: "live"}, {Currency: "USD", Tier: "static"}}}, nil
	})
	shop.till.waitForRate("INR", "live")
	known, rates := shop.till.rates()
	require.True(t, known)
	require.Equal(t, []string{"live", "static", "none"}, []string{rates["INR"], rates["USD"], rates["KWD"]})
	shop.till.sell(newKey(), `{"currency":"KWD","total":"1.000"}`) // a sale is taken in any of them

	stop()
	shop.till.waitForRate("INR", "unknown")
	defer shop.pricing(func() (event.PricedCurrencies, error) { return event.PricedCurrencies{}, nil })()
	shop.till.waitForRate("INR", "none")
}

func TestATillLearnsTheCurrenciesWhateverBecomesOfPricing(t *testing.T) {
	shop := setup(t)
	unknown := func() {
		t.Helper()
		known, rates := shop.till.rates()
		require.False(t, known)
		for code, rate := range rates {
			require.Equal(t, "unknown", rate, code)
		}
	}
	asked := make(chan struct{}, 1)
	note := func() {
		select {
		case asked <- struct{}{}:
		default:
		}
	}
	untilAsked := func() { // that nothing is known is kept for a while too
		t.Helper()
		eventually(t, "pricing is asked", func() error {
			unknown()
			select {
			case <-asked:
				return nil
			default:
				return errors.New("not yet")
			}
		})
	}
	unknown() // nobody answers
	answer := make(chan struct{})
	stop := shop.pricing(func() (event.PricedCurrencies, error) {
		note()
		<-answer // it takes its time
		return event.PricedCurrencies{}, nil
	})
	untilAsked()
	close(answer)
	stop()
	defer shop.pricing(func() (event.PricedCurrencies, error) {
		note()
		return event.PricedCurrencies{}, errors.New("broken")
	})()
	untilAsked()
	shop.nats.Stop()
	unknown()
	shop.till.sell(newKey(), tea)
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
	section, _, _ := strings.Cut(after, "\n## ")
	for member := range read[map[string]json.RawMessage](t, reply{Body: shown}) {
		require.Contains(t, section, "\n| `"+member+"` | ")
	}
}
