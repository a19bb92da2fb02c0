// Package quote decides at which rate a sale is priced. Pure, except for the pointer that readers and writers share.
package quote

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"time"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Tier is how good a rate is.
type Tier string

// The tiers, best first.
const (
	Live   Tier = "live"   // the sources agree now
	Cached Tier = "cached" // the last good quote, within RATE_MAX_AGE
	Static Tier = "static" // RATE_STATIC: better than no price
)

// Tiers lists them, best first.
var Tiers = [...]Tier{Live, Cached, Static}

// Quote is one currency's rate with its sources, and how long it holds. It never changes; the zero value is no quote.
type Quote struct {
	rate       event.Rate
	value      money.Decimal
	observedAt time.Time // whole seconds, as in the event
	until      time.Time // zero: for ever
}

// newQuote makes the quote of a value in fiat per ETH. Its id is a hash of all other fields, so that the same id always means
// the same rate: the anchor's journal keeps one row for each id.
func newQuote(tier Tier, currency string, value money.Decimal, sources []event.RateSource, observedAt, until time.Time) Quote {
	observedAt = observedAt.UTC().Truncate(time.Second)
	rate := event.Rate{Value: value.String(), Currency: currency, Tier: string(tier), Sources: sources, ObservedAt: stamp(observedAt)}
	fields, err := json.Marshal(rate)
	if err != nil {
		panic("quote: a rate does not marshal: " + err.Error()) // only strings
	}
	hash := sha256.Sum256(fields)
	rate.ID = currency + "-" + string(tier) + "-" + hex.EncodeToString(hash[:idBytes])
	return Quote{rate: rate, value: value, observedAt: observedAt, until: until}
}

const idBytes = 10 // 80 bits: two rates of one currency and tier never have the same by chance

// StaticQuote is the quote of a rate that a person set; the one source is named static. It holds for ever.
func StaticQuote(currency money.Currency, value money.Decimal, since time.Time) Quote {
	return newQuote(Static, currency.Code(), value, []event.RateSource{{Name: string(Static), Value: value.String(), ObservedAt: stamp(since)}}, since,
		time.Time{})
}

// Rate is the quote as events have it. The caller must not change its sources.
func (q Quote) Rate() event.Rate { return q.rate }

// Tier is the quote's tier.
func (q Quote) Tier() Tier { return Tier(q.rate.Tier) }

// Age is how long ago the oldest of the quote's sources saw its price.
func (q Quote) Age(now time.Time) time.Duration { return max(0, now.Sub(q.observedAt)) }

// Holds reports whether sales may be priced at q; the zero value never holds.
func (q Quote) Holds(now time.Time) bool {
	return !q.none() && (q.until.IsZero() || now.Before(q.until))
}

// Until is when the quote ceases to hold; the zero time for one that holds for ever.
func (q Quote) Until() time.Time { return q.until }

// Newer reports whether q, as of now, replaces other: it was observed later, or other is the zero value, or its time is in the future because
// the clock of whoever kept it was ahead.
func (q Quote) Newer(other Quote, now time.Time) bool {
	return other.none() || q.observedAt.After(other.observedAt) || other.observedAt.After(now)
}

func (q Quote) none() bool { return q.value.IsZero() }

// Wei converts a total in the quote's currency: ceil(total·10^18 / rate).
func (q Quote) Wei(total money.Decimal) *big.Int { return money.Wei(total, q.value) }

// Restore makes the cached quote of a rate that was live, as it is kept for a restart and for the other replicas: same value and sources, until
// maxAge after it was observed, or after now when another clock was ahead. What can't have been a live quote before now is Invalid.
func Restore(rate event.Rate, maxAge time.Duration, now time.Time) (Quote, error) {
	currency, err := money.ParseCurrency(rate.Currency)
	if err != nil {
		return Quote{}, fault.New(fault.Invalid, "currency: %w", err)
	}
	value, err := money.ParseDecimal(rate.Value) // a mean may have a digit more than a source
	if err != nil {
		return Quote{}, fault.New(fault.Invalid, "the price %w", err)
	}
	observedAt, err := time.Parse(time.RFC3339, rate.ObservedAt)
	if err != nil || observedAt.After(now.Add(maxSkew)) {
		return Quote{}, fault.New(fault.Invalid, "observed_at is not in the past")
	}
	if rate.Tier != string(Live) || len(rate.Sources) == 0 {
		return Quote{}, fault.New(fault.Invalid, "it was not a live rate")
	}
	for _, source := range rate.Sources { // a quote is never younger than its fetching, whatever the sources' clocks were
		if fetchedAt, err := time.Parse(time.RFC3339, source.FetchedAt); err == nil && fetchedAt.Before(observedAt) {
			observedAt = fetchedAt
		}
	}
	until := observedAt.Add(maxAge)
	if observedAt.After(now) {
		until = now.Add(maxAge)
	}
	return newQuote(Cached, currency.Code(), value, rate.Sources, observedAt, until), nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
