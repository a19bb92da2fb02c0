package api

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/singleflight"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/stream"
)

const (
	ratesWithin = 300 * time.Millisecond // a till does not depend on them
	ratesLife   = 5 * time.Second        // pricing itself asks its sources less often
	// ratesUnknownLife is how long a pricing that did not answer is not asked again.
	ratesUnknownLife = time.Second
)

type currenciesAnswer struct {
	RatesKnown bool            `json:"rates_known"`
	Currencies []currencyShown `json:"currencies"`
}

// currencyShown is a currency that records may have.
type currencyShown struct {
	Currency   string `json:"currency"`
	Digits     int    `json:"digits"`
	Rate       string `json:"rate"` // live, cached or static; none: a sale is parked until there is one; unknown
	Redeemable bool   `json:"redeemable"`
}

// rateSet keeps which currencies have a rate. Use by many goroutines is safe.
type rateSet struct {
	kept   atomic.Pointer[keptRates]
	asking singleflight.Group
}

type keptRates struct {
	tiers map[string]string // by currency; nil: not known
	until time.Time
}

// get returns the tier of each currency that has a rate, nil where pricing does not say.
func (r *rateSet) get(now time.Time, ask func() (event.PricedCurrencies, error)) map[string]string {
	if kept := r.kept.Load(); kept != nil && now.Before(kept.until) {
		return kept.tiers
	}
	_, _, _ = r.asking.Do("", func() (any, error) {
		answer, err := ask()
		kept := &keptRates{until: now.Add(ratesUnknownLife)}
		if err == nil {
			kept = ratesOf(answer, now)
		}
		r.kept.Store(kept)
		return nil, err
	})
	return r.kept.Load().tiers
}

func ratesOf(answer event.PricedCurrencies, now time.Time) *keptRates {
	tiers := make(map[string]string, len(answer.Currencies))
	for _, c := range answer.Currencies {
		tiers[c.Currency] = c.Tier
	}
	return &keptRates{tiers: tiers, until: now.Add(ratesLife)}
}

// currencies answers which currencies records may have, and which of them have a rate now. Records are taken in all of them.
func (s *Server) currencies(c *fiber.Ctx) error {
	tiers := s.rates.get(s.now(), func() (event.PricedCurrencies, error) { return s.askRates(c.UserContext()) })
	answer := currenciesAnswer{RatesKnown: tiers != nil, Currencies: make([]currencyShown, 0, len(money.Currencies()))}
	for _, known := range money.Currencies() {
		rate := tiers[known.Code()]
		switch {
		case tiers == nil:
			rate = "unknown"
		case rate == "":
			rate = "none"
		}
		answer.Currencies = append(answer.Currencies, currencyShown{known.Code(), known.Digits(), rate, s.Rules.Redeems(known)})
	}
	return c.JSON(answer)
}

func (s *Server) askRates(ctx context.Context) (event.PricedCurrencies, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ratesWithin) // for all who wait
	defer cancel()
	return stream.Ask[event.PricedCurrencies](ctx, s.Bus, event.SubjectCurrenciesGet, event.CurrenciesQuery{})
}

// loyaltyRules answers with the rules in use.
func (s *Server) loyaltyRules(c *fiber.Ctx) error { return c.JSON(s.Rules) }
