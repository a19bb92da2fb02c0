// Package operate answers operators and the gateway, and shows metrics: what sales are priced at now, and the state of the sources.
package operate

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tillseal/tillseal/services/pricing/internal/feed"
	"github.com/tillseal/tillseal/services/pricing/internal/pricer"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/stream"
)

// Desk answers requests, each replica for itself.
type Desk struct {
	board    *quote.Board
	sources  []feed.Source
	asked    []string                    // currencies that sources are asked for; known before the first answer
	polling  atomic.Pointer[feed.Poller] // nil until Polling
	now      func() time.Time
	instance string
}

// New makes a desk for the board that sales are priced by. asked are the codes of the currencies that sources are asked for.
func New(board *quote.Board, sources []feed.Source, asked []string, now func() time.Time) *Desk {
	return &Desk{board: board, sources: sources, asked: asked, now: now, instance: instance()}
}

// Polling gives the desk the poller, which exists only once the last good rates were read from NATS. No endpoint may be offered before that;
// metrics are shown all the time.
func (d *Desk) Polling(p *feed.Poller) { d.polling.Store(p) }

// instance distinguishes this replica from the others, which answer in turn: the name of a container or a machine, and the process id.
func instance() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// verdicts are the last poll's, by currency; none before the first.
func (d *Desk) verdicts() map[string]quote.Verdict {
	if p := d.polling.Load(); p != nil {
		return p.Verdicts()
	}
	return nil
}

// states are those of the sources.
func (d *Desk) states() []feed.State {
	if p := d.polling.Load(); p != nil {
		return p.Sources()
	}
	unasked := make([]feed.State, len(d.sources))
	for i, s := range d.sources {
		unasked[i] = feed.State{Name: s.Name, Breaker: "closed"}
	}
	return unasked
}

type quoteRequest struct {
	Currency string `json:"currency"`
	Total    string `json:"total"`
}

type quoteAnswer struct {
	AmountWei string      `json:"amount_wei"`
	Tier      quote.Tier  `json:"tier,omitempty"` // this and what follows is absent for a total of 0, which needs no rate
	Age       string      `json:"age,omitempty"`  // of the oldest price that counts
	Rate      *event.Rate `json:"rate,omitempty"`
}

type sourcesAnswer struct {
	Instance   string          `json:"instance"` // which replica answers: each polls for itself
	Currencies []currencyState `json:"currencies"`
	Others     string          `json:"other_currencies"` // what becomes of sales in any other
	Sources    []sourceState   `json:"sources"`
}

// What becomes of sales of more than 0 in a currency.
const (
	salesPriced = "priced"
	salesParked = "parked" // until an operator replays them
)

// currencyState is what sales in a currency are priced at now.
type currencyState struct {
	Currency   string   `json:"currency"`
	Tier       string   `json:"tier"`  // none where there is no rate
	Sales      string   `json:"sales"` // priced | parked
	Value      string   `json:"value,omitempty"`
	ObservedAt string   `json:"observed_at,omitempty"`
	Age        string   `json:"age,omitempty"`
	Fresh      int      `json:"fresh_sources"`
	Spread     string   `json:"spread_percent,omitempty"`
	Doubted    []string `json:"doubted,omitempty"`
	NotLive    string   `json:"not_live_because,omitempty"`
}

type sourceState struct {
	Name        string             `json:"name"`
	State       string             `json:"state"` // ok | failing | paused | unasked
	Breaker     string             `json:"breaker"`
	Values      []event.RateSource `json:"values"`
	SucceededAt string             `json:"succeeded_at,omitempty"`
	LastError   string             `json:"last_error,omitempty"`
	FailedAt    string             `json:"failed_at,omitempty"`
	PausedUntil string             `json:"paused_until,omitempty"`
}

// Endpoints are the desk's requests.
func (d *Desk) Endpoints() []stream.Endpoint {
	const sources = `{"instance":"pricing-1/7","currencies":[{"currency":"INR","tier":"live","sales":"priced","value":"254321.17",` +
		`"observed_at":"2026-11-22T04:45:31Z","age":"12s","fresh_sources":3,"spread_percent":"0.42"},` +
		`{"currency":"EUR","tier":"none","sales":"parked","fresh_sources":0,"not_live_because":"no source has a fresh price"}],"other_currencies":"parked",` +
		`"sources":[{"name":"coingecko","state":"ok","breaker":"closed","values":[{"name":"INR","value":"254321.17",` +
		`"observed_at":"2026-11-22T04:45:31Z","fetched_at":"2026-11-22T04:45:40Z"}],"succeeded_at":"2026-11-22T04:45:40Z"}]}`
	return []stream.Endpoint{
		stream.Answers(stream.Endpoint{
			Subject: event.SubjectCurrenciesGet, Description: "Lists the currencies that a sale would be priced in now; sales in any other are parked",
			Request: `{}`,
			Response: `{"currencies":[{"currency":"INR","tier":"live","value":"254321.17","observed_at":"2026-11-22T04:45:31Z",` +
				`"expires_at":"2026-11-22T04:50:31Z"}],"at":"2026-11-22T04:45:43Z"}`,
		}, func(context.Context, event.CurrenciesQuery) (event.PricedCurrencies, error) { return d.priced(), nil }),
		stream.Answers(stream.Endpoint{
			Subject: "ops.pricing.quote", Description: "Prices a total in wei as a sale would be priced now",
			Request: `{"currency":"INR","total":"499.00"}`,
			Response: `{"amount_wei":"1962085971844185","tier":"live","age":"12s","rate":{"id":"INR-live-…","value":"254321.17","currency":"INR","tier":"live",` +
				`"sources":[{"name":"coingecko","value":"254321.17","observed_at":"2026-11-22T04:45:31Z","fetched_at":"2026-11-22T04:45:40Z"}],` +
				`"observed_at":"2026-11-22T04:45:31Z"}}`,
		}, d.quote),
		stream.Answers(stream.Endpoint{
			Subject: "ops.pricing.sources", Response: sources,
			Description: "Lists the tier of each currency and what becomes of its sales, and each source's state, last values and last error",
		}, func(context.Context, struct{}) (sourcesAnswer, error) { return d.answer(), nil }),
		stream.Answers(stream.Endpoint{
			Subject: "ops.pricing.sources.refresh", Description: "Asks every source that may be asked now, and answers like ops.pricing.sources", Response: sources,
		}, func(ctx context.Context, _ struct{}) (sourcesAnswer, error) {
			if err := d.polling.Load().Refresh(ctx); err != nil {
				return sourcesAnswer{}, err
			}
			return d.answer(), nil
		}),
	}
}

func (d *Desk) quote(_ context.Context, req quoteRequest) (quoteAnswer, error) {
	now := d.now()
	wei, q, err := pricer.Convert(d.board.At(now), req.Currency, req.Total)
	if err != nil {
		return quoteAnswer{}, err
	}
	if q == nil {
		return quoteAnswer{AmountWei: wei}, nil
	}
	return quoteAnswer{AmountWei: wei, Tier: q.Tier(), Age: age(*q, now), Rate: new(q.Rate())}, nil
}

func age(q quote.Quote, now time.Time) string { return q.Age(now).Round(time.Second).String() }

func (d *Desk) answer() sourcesAnswer {
	now := d.now()
	answer := sourcesAnswer{Instance: d.instance, Currencies: []currencyState{}, Others: salesParked, Sources: []sourceState{}}
	for _, c := range d.currencies() {
		answer.Currencies = append(answer.Currencies, d.currency(c, now))
	}
	for _, s := range d.states() {
		answer.Sources = append(answer.Sources, stateOf(s, now))
	}
	return answer
}

// priced tries a sale in every currency, by the function that prices sales, so that the answer is what becomes of them.
func (d *Desk) priced() event.PricedCurrencies {
	const someTotal = "1" // an amount in any currency, and not 0, which needs no rate
	now := d.now()
	view := d.board.At(now)
	answer := event.PricedCurrencies{Currencies: []event.PricedCurrency{}, At: stamp(now)}
	for _, c := range money.Currencies() {
		_, q, err := pricer.Convert(view, c.Code(), someTotal)
		if err != nil {
			continue // the sale would be parked
		}
		rate := q.Rate()
		answer.Currencies = append(answer.Currencies, event.PricedCurrency{
			Currency: c.Code(), Tier: rate.Tier, Value: rate.Value, ObservedAt: rate.ObservedAt, ExpiresAt: stamp(q.Until()),
		})
	}
	return answer
}

// currencies are those that are asked for, and those that a person set: no other is ever on the board.
func (d *Desk) currencies() []string {
	codes := map[string]bool{}
	for _, code := range d.asked {
		codes[code] = true
	}
	for code := range d.board.Tier(quote.Static) {
		codes[code] = true
	}
	return slices.Sorted(maps.Keys(codes))
}

func (d *Desk) present(code string, now time.Time) (quote.Quote, bool) {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return quote.Quote{}, false
	}
	q, err := d.board.Quote(currency, now)
	return q, err == nil
}

func (d *Desk) currency(code string, now time.Time) currencyState {
	state := currencyState{Currency: code, Tier: "none", Sales: salesParked}
	if q, ok := d.present(code, now); ok {
		rate := q.Rate()
		state.Sales = salesPriced
		state.Tier, state.Value, state.ObservedAt, state.Age = rate.Tier, rate.Value, rate.ObservedAt, age(q, now)
	}
	if v, asked := d.verdicts()[code]; asked {
		state.Fresh, state.Doubted, state.NotLive = v.Fresh, v.Doubted, v.Reason
		if v.Spread != nil {
			state.Spread = percent(v.Spread)
		}
	}
	return state
}

func stateOf(s feed.State, now time.Time) sourceState {
	state := sourceState{
		Name: s.Name, State: "ok", Breaker: s.Breaker, Values: []event.RateSource{}, LastError: s.LastError,
		SucceededAt: stamp(s.SucceededAt), FailedAt: stamp(s.FailedAt),
	}
	switch {
	case now.Before(s.PausedUntil):
		state.State, state.PausedUntil = "paused", stamp(s.PausedUntil)
	case s.Failing():
		state.State = "failing"
	case s.SucceededAt.IsZero():
		state.State = "unasked"
	}
	for _, code := range slices.Sorted(maps.Keys(s.Values)) {
		o := s.Values[code]
		state.Values = append(state.Values, event.RateSource{
			Name: code, Value: o.Value.String(), ObservedAt: stamp(o.ObservedAt), FetchedAt: stamp(o.FetchedAt),
		})
	}
	return state
}

// stamp writes a time; "" for never.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
