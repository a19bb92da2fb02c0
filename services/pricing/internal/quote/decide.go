package quote

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Limits of what a source may say.
const (
	maxValueIntegerDigits  = 15              // fiat per ETH: a thousand times what the weakest currency needs
	maxValueFractionDigits = 18              // CoinGecko's full precision has 17 significant digits
	maxSkew                = 2 * time.Minute // how far a source's clock may be ahead of ours
)

// Agreement is how far two prices may lie apart, in percent of the one that stood before, and still mean the same: also the jump
// from the last good quote that one source may make alone.
const Agreement = 5

// ParseValue reads a price in fiat per ETH as a source wrote it. Zero, a sign, an exponent, NaN, infinity and lengths beyond
// any price are Invalid.
func ParseValue(text string) (money.Decimal, error) {
	value, err := money.ParseDecimal(text)
	if err != nil {
		return value, fault.New(fault.Invalid, "the price %w", err)
	}
	if whole, fraction, _ := strings.Cut(text, "."); len(whole) > maxValueIntegerDigits || len(fraction) > maxValueFractionDigits {
		return money.Decimal{}, fault.New(fault.Invalid, "the price has more than %d digits before or %d after the point", maxValueIntegerDigits, maxValueFractionDigits)
	}
	return value, nil
}

// Observation is what one source said about one currency.
type Observation struct {
	Source                string
	Currency              string // its code
	Value                 money.Decimal
	ObservedAt, FetchedAt time.Time // when the source saw the price, and when we asked
}

// Observe checks what a source said; Invalid names what is wrong with it. How old it may be is the Rule's matter.
func Observe(source string, currency money.Currency, value string, observedAt, fetchedAt time.Time) (Observation, error) {
	decimal, err := ParseValue(value)
	switch {
	case err != nil:
		return Observation{}, err
	case observedAt.Unix() <= 0:
		return Observation{}, fault.New(fault.Invalid, "the price has no time")
	case observedAt.After(fetchedAt.Add(maxSkew)):
		return Observation{}, fault.New(fault.Invalid, "the price is of a time to come")
	}
	return Observation{Source: source, Currency: currency.Code(), Value: decimal, ObservedAt: observedAt, FetchedAt: fetchedAt}, nil
}

// Rule says what makes the prices of several sources one that is believed.
type Rule struct {
	FreshFor time.Duration // the age up to which a source's price counts as live
	MaxAge   time.Duration // the age up to which the last good quote is used, and new prices are held against it
}

// Verdict is what a Rule makes of the sources' prices of one currency.
type Verdict struct {
	Quote   Quote    // live; none when Reason says why
	Cached  Quote    // the same as the next tier
	Reason  string   // why there is no live quote; "" when there is one
	Doubted []string // sources that are fresh and were not believed
	Fresh   int      // sources whose price is young enough
	Spread  *big.Rat // (highest − lowest) / lowest of the fresh ones; nil for none
}

// Decide makes one quote of what the sources said last about a currency. Prices that lie within Agreement of each other are of
// one camp, and the quote is the median of the largest. A camp that lies farther than that from the last good quote needs a
// second source; with no last good quote it needs more than half of those that are fresh. last is the cached quote, or none.
func (r Rule) Decide(said []Observation, last Quote, now time.Time) Verdict {
	fresh := slices.DeleteFunc(slices.Clone(said), func(o Observation) bool { return now.Sub(o.ObservedAt) >= r.FreshFor })
	slices.SortFunc(fresh, func(a, b Observation) int { return a.Value.Rat().Cmp(b.Value.Rat()) })
	v := Verdict{Fresh: len(fresh)}
	if len(fresh) == 0 {
		v.Reason = "no source has a fresh price"
		return v
	}
	lowest := fresh[0].Value.Rat()
	v.Spread = new(big.Rat).Sub(fresh[len(fresh)-1].Value.Rat(), lowest)
	v.Spread.Quo(v.Spread, lowest)

	if !last.Holds(now) {
		last = Quote{}
	}
	best := bestCamp(fresh, last)
	for _, o := range fresh {
		if !slices.ContainsFunc(best, func(b Observation) bool { return b.Source == o.Source }) {
			v.Doubted = append(v.Doubted, o.Source)
		}
	}
	if best == nil {
		v.Reason = doubt(fresh, last)
		return v
	}
	v.Quote = r.live(best)
	v.Cached = newQuote(Cached, best[0].Currency, v.Quote.value, v.Quote.rate.Sources, v.Quote.observedAt, v.Quote.observedAt.Add(r.MaxAge))
	return v
}

// bestCamp is the largest camp that is believed, of two the one nearer to the last good quote; nil for none. fresh is sorted.
func bestCamp(fresh []Observation, last Quote) []Observation {
	var best []Observation
	for i := range fresh {
		camp := campOf(fresh, i)
		if !believed(camp, len(fresh), last) || len(camp) < len(best) {
			continue
		}
		if len(camp) > len(best) || !last.value.IsZero() && distance(median(camp), last).Cmp(distance(median(best), last)) < 0 {
			best = camp
		}
	}
	return best
}

// campOf is every price within Agreement of the i-th, itself included. fresh is sorted, so that a camp stands together.
func campOf(fresh []Observation, i int) []Observation {
	from, to := i, i+1
	for from > 0 && near(fresh[from-1].Value.Rat(), fresh[i].Value.Rat()) {
		from--
	}
	for to < len(fresh) && near(fresh[to].Value.Rat(), fresh[i].Value.Rat()) {
		to++
	}
	return fresh[from:to]
}

func believed(camp []Observation, fresh int, last Quote) bool {
	if last.value.IsZero() {
		return 2*len(camp) > fresh
	}
	return len(camp) > 1 || near(median(camp), last.value.Rat())
}

func doubt(fresh []Observation, last Quote) string {
	if last.value.IsZero() {
		return fmt.Sprintf("%d sources disagree by more than %d %%, and there is no last good price", len(fresh), Agreement)
	}
	return fmt.Sprintf("a jump of more than %d %% from %s needs a second source", Agreement, last.rate.Value)
}

// live makes the quote of a camp. It is as old as its oldest price, and holds while its youngest is fresh.
func (r Rule) live(camp []Observation) Quote {
	sources := make([]event.RateSource, len(camp))
	oldest, youngest := camp[0].ObservedAt, camp[0].ObservedAt
	byName := slices.SortedFunc(slices.Values(camp), func(a, b Observation) int { return strings.Compare(a.Source, b.Source) })
	for i, o := range byName {
		sources[i] = event.RateSource{Name: o.Source, Value: o.Value.String(), ObservedAt: stamp(o.ObservedAt), FetchedAt: stamp(o.FetchedAt)}
		if o.ObservedAt.Before(oldest) {
			oldest = o.ObservedAt
		}
		if o.ObservedAt.After(youngest) {
			youngest = o.ObservedAt
		}
	}
	return newQuote(Live, camp[0].Currency, medianDecimal(camp), sources, oldest, youngest.Add(r.FreshFor))
}

// median of a sorted camp: the middle one, or the mean of the two in the middle, exact.
func median(camp []Observation) *big.Rat {
	middle := len(camp) / 2
	if len(camp)%2 == 1 {
		return camp[middle].Value.Rat()
	}
	sum := new(big.Rat).Add(camp[middle-1].Value.Rat(), camp[middle].Value.Rat())
	return sum.Quo(sum, big.NewRat(2, 1))
}

// medianDecimal is median as a number of finitely many digits: half of a decimal has one more digit than it.
func medianDecimal(camp []Observation) money.Decimal {
	if len(camp)%2 == 1 {
		return camp[len(camp)/2].Value // as the source wrote it
	}
	text := strings.TrimRight(strings.TrimRight(median(camp).FloatString(maxValueFractionDigits+1), "0"), ".")
	d, err := money.ParseDecimal(text)
	if err != nil {
		panic("quote: a mean of two prices is none: " + err.Error()) // positive, and of bounded length
	}
	return d
}

// near reports whether a lies within Agreement of b.
func near(a, b *big.Rat) bool {
	apart := new(big.Rat).Sub(a, b)
	apart.Abs(apart).Mul(apart, big.NewRat(100, Agreement))
	return apart.Cmp(b) <= 0
}

func distance(a *big.Rat, from Quote) *big.Rat {
	d := new(big.Rat).Sub(a, from.value.Rat())
	return d.Abs(d)
}
