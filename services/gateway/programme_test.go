package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestATillAsksForTheRulesOfTheProgramme(t *testing.T) {
	shop := setup(t)
	refuses(t, shop.till.do("GET", "/loyalty/rules", "", "Authorization", ""), 401, refusal.Unauthenticated)
	r := shop.till.do("GET", "/loyalty/rules", "")
	require.Equal(t, 200, r.Status)
	require.JSONEq(t, loyalty.Default, string(r.Body))

	require.JSONEq(t, bookRules, string(shop.till.at(shop.ruled(bookRules)).do("GET", "/loyalty/rules", "").Body))
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

// ruled starts a gateway with rules of its own.
func (s *shop) ruled(rules string) *gate {
	path := filepath.Join(s.t.TempDir(), "rules.json")
	require.NoError(s.t, os.WriteFile(path, []byte(rules), 0o600))
	return s.addGateway(func(c *gateway.Config) { c.LoyaltyRules = path })
}

func TestRefundsPayBackWhatTheSaleTook(t *testing.T) {
	shop := setup(t)
	till := shop.till.at(shop.ruled(bookRules)) // a point pays half a yen
	till.sell(newKey(), `{"currency":"INR","total":"100000","customer_id":"C-1"}`)
	sold := func(total, points int, tenders string) answer {
		_, a := till.sell(newKey(), fmt.Sprintf(`{"currency":"JPY","total":"%d","customer_id":"C-1","redeem_points":%d%s}`, total, points, tenders))
		return a
	}
	back := func(of answer, total int, cash string) string {
		return fmt.Sprintf(`{"kind":"refund","refund_of":"%s","currency":"JPY","total":"%d","tenders":[{"type":"cash","amount":"%s"}]}`, of.SaleID, total, cash)
	}
	inParts := sold(6, 6, `,"tenders":[{"type":"cash","amount":"3"}]`)
	for n, due := range []string{"1", "0", "1", "0", "1", "0"} {
		other := map[string]string{"0": "1", "1": "0"}[due]
		fields := refuses(t, till.post(newKey(), back(inParts, 1, other)), 422, refusal.TotalsMismatch)
		require.Contains(t, fields[0].Detail, "add up to "+other+", the total is 1", "%d", n)
		till.sell(newKey(), back(inParts, 1, due))
	}

	// All of it was paid by points, and each part is less than one point is worth.
	_, free := till.sell(newKey(), `{"currency":"INR","total":"1.00","customer_id":"C-1","redeem_points":4}`)
	for range 5 {
		small := `{"kind":"refund","refund_of":"` + free.SaleID + `","currency":"INR","total":"0.20","tenders":[{"type":"cash","amount":"%s"}]}`
		refuses(t, till.post(newKey(), fmt.Sprintf(small, "0.01")), 422, refusal.TotalsMismatch)
		till.sell(newKey(), fmt.Sprintf(small, "0.00"))
	}

	// The rules have changed: a point pays nothing any more.
	changed, silent := sold(100, 100, `,"tenders":[{"type":"cash","amount":"50"}]`), sold(100, 100, "")
	till = shop.till.at(shop.ruled(strings.NewReplacer(`"version":"book"`, `"version":"dearer"`, `,"JPY":"0.5"`, ``).Replace(bookRules)))
	fields := refuses(t, till.post(newKey(), back(changed, 100, "100")), 422, refusal.TotalsMismatch)
	require.Equal(t, "add up to 100, the total is 100, of which the returned points pay 50", fields[0].Detail)
	till.sell(newKey(), back(changed, 100, "50"))
	fields = refuses(t, till.post(newKey(), back(silent, 100, "50")), 422, refusal.InvalidRecord)
	require.Contains(t, fields[0].Pointer+" "+fields[0].Detail, "/tenders can't be checked: the sale has no tenders")
	_, a := till.sell(newKey(), `{"kind":"refund","refund_of":"`+silent.SaleID+`","currency":"JPY","total":"100"}`)
	require.Equal(t, int64(-100), a.Loyalty.PointsRedeemed)
}
