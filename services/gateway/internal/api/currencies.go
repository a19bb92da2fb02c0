package api

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/singleflight"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
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

// get returns the tier of each currency that has a rate, nil where pricing does not say. It returns within ratesWithin whatever ask does: a
// connection to NATS that is stuck holds up even the question whether it is connected. Whoever comes meanwhile waits for the same ask.
func (r *rateSet) get(now func() time.Time, ask func() (event.PricedCurrencies, error)) map[string]string {
	if kept := r.kept.Load(); kept.holds(now()) {
		return kept.tiers
	}
	asked := r.asking.DoChan("", func() (any, error) {
		if r.kept.Load().holds(now()) { // asked by somebody else just before
			return nil, nil
		}
		answer, err := ask()
		kept := &keptRates{until: now().Add(ratesUnknownLife)}
		if err == nil {
			kept = ratesOf(answer, now())
		}
		r.kept.Store(kept)
		return nil, nil
	})
	late := time.NewTimer(ratesWithin)
	defer late.Stop()
	select {
	case <-asked:
		return r.kept.Load().tiers
	case <-late.C:
		return nil
	}
}

func (k *keptRates) holds(now time.Time) bool { return k != nil && now.Before(k.until) }

func ratesOf(answer event.PricedCurrencies, now time.Time) *keptRates {
	tiers := make(map[string]string, len(answer.Currencies))
	for _, c := range answer.Currencies {
		tiers[c.Currency] = c.Tier
	}
	return &keptRates{tiers: tiers, until: now.Add(ratesLife)}
}

// currencies answers which currencies records may have, and which of them have a rate now. Records are taken in all of them.
func (s *Server) currencies(c *fiber.Ctx) error {
	ctx := context.WithoutCancel(c.UserContext()) // for all who wait
	tiers := s.rates.get(s.now, func() (event.PricedCurrencies, error) { return s.askRates(ctx) })
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
	if !s.Bus.Conn.IsConnected() {
		return event.PricedCurrencies{}, errNoNATS
	}
	ctx, cancel := context.WithTimeout(ctx, ratesWithin)
	defer cancel()
	return stream.Ask[event.PricedCurrencies](ctx, s.Bus, event.SubjectCurrenciesGet, event.CurrenciesQuery{})
}

var errNoNATS = fault.New(fault.Transient, "NATS is not connected")

// loyaltyRules answers with the rules in use.
func (s *Server) loyaltyRules(c *fiber.Ctx) error { return c.JSON(s.Rules) }
