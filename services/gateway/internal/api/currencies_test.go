package api

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
)

// priced has tills ask for the rates, by a synctest bubble's own clock, of a pricing that answers what a test sends it.
type priced struct {
	t       *testing.T
	rates   rateSet
	asked   atomic.Int32
	answers chan any // the tier of INR, or why there is no answer
}

func (p *priced) get() map[string]string {
	return p.rates.get(time.Now, func() (event.PricedCurrencies, error) {
		p.asked.Add(1)
		switch answer := (<-p.answers).(type) {
		case error:
			return event.PricedCurrencies{}, answer
		case string:
			return event.PricedCurrencies{Currencies: []event.PricedCurrency{{Currency: "INR", Tier: answer}}}, nil
		}
		return event.PricedCurrencies{}, nil
	})
}

// together has many tills ask at once and pricing answer the first question; each must get tiers, after a wait.
func (p *priced) together(answer any, tiers map[string]string, wait time.Duration) {
	p.t.Helper()
	const tills = 20
	began, before := time.Now(), p.asked.Load()
	got := make(chan map[string]string, tills)
	for range tills {
		go func() { got <- p.get() }()
	}
	synctest.Wait()
	require.Equal(p.t, before+1, p.asked.Load(), "one question for all of them")
	if answer != nil {
		p.answers <- answer
	}
	for range tills {
		require.Equal(p.t, tiers, <-got)
	}
	require.Equal(p.t, wait, time.Since(began))
}

// kept has a till ask that needs no answer of pricing's.
func (p *priced) kept(tiers map[string]string) {
	p.t.Helper()
	before := p.asked.Load()
	require.Equal(p.t, tiers, p.get())
	require.Equal(p.t, before, p.asked.Load())
}

func TestManyTillsShareOneQuestionAboutTheRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &priced{t: t, answers: make(chan any)}
		live, static := map[string]string{"INR": "live"}, map[string]string{"INR": "static"}
		p.together("live", live, 0)
		<-time.After(ratesLife - 1)
		p.kept(live)
		<-time.After(1)
		p.together("static", static, 0)
		<-time.After(ratesLife)

		p.together(errors.New("away"), nil, 0)
		<-time.After(ratesUnknownLife - 1)
		p.kept(nil)
		<-time.After(1)
		p.together("live", live, 0)
	})
}

func TestNoTillWaitsLongForTheRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &priced{t: t, answers: make(chan any)}
		p.together(nil, nil, ratesWithin)
		began := time.Now()
		require.Nil(t, p.get(), "the first question is not answered yet")
		require.Equal(t, ratesWithin, time.Since(began))
		require.Equal(t, int32(1), p.asked.Load(), "and no other is asked")
		p.answers <- "cached" // late
		synctest.Wait()
		p.kept(map[string]string{"INR": "cached"})
	})
}
