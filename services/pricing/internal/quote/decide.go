package quote

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
)

// How far prices may differ, in percent of the one that they are compared with.
const (
	Agreement       = 5  // and still agree: also the jump from the last good quote that a single source may make
	StaticAgreement = 25 // from a rate that a person once set: some weeks of a market's moves, but no price that is wrong by half
)

// Rule decides how the prices of several sources become one that is believed.
type Rule struct {
	FreshFor time.Duration // the age up to which a source's price counts as live
	MaxAge   time.Duration // the age up to which the last good quote is used, and new prices are compared with it
}

// Reference is what the prices of a currency are compared with. Each of its quotes may be none.
type Reference struct {
	Last    Quote // the last good one, whoever made it
	Agreed  Quote // the last from two sources: a single source can't move it
	Static  Quote // the rate that a person set
	Sources int   // how many sources quote the currency, whether they answer or not
}

// Verdict is the outcome of a Rule for the sources' prices of one currency.
type Verdict struct {
	Quote   Quote    // live; none when there is a Reason
	Cached  Quote    // the same as the next tier
	Agreed  Quote    // the same as Cached when it is from two sources; otherwise none
	Alone   bool     // live depends on a single source
	Reason  string   // why there is no live quote; "" when there is one
	Doubted []string // sources whose price is fresh and was not believed
	Fresh   int      // sources whose price is young enough
	Sources int      // sources that quote the currency, whether they answer or not
	Spread  *big.Rat // (highest − lowest) / lowest of the fresh ones; nil for none
}

// Decide makes one quote from the sources' last answers about a currency. The prices within Agreement of one of them are its camp, and the quote
// is the median of the largest camp that is believed. Two sources are believed, unless there is no last good quote and as many contradict
// them. A single one is believed while it is near the earlier prices: near the last good quote, and near the last from two sources or, when that
// has expired, within StaticAgreement of the static rate. With neither, only a currency that no second source quotes gets a live price from one.
func (r Rule) Decide(answered []Observation, ref Reference, now time.Time) Verdict {
	fresh := slices.DeleteFunc(slices.Clone(answered), func(o Observation) bool { return now.Sub(o.SeenAt) >= r.FreshFor })
	slices.SortFunc(fresh, func(a, b Observation) int { return a.Value.Rat().Cmp(b.Value.Rat()) })
	ref = ref.at(now, len(answered))
	v := Verdict{Fresh: len(fresh), Sources: ref.Sources}
	if len(fresh) == 0 {
		v.Reason = "no source has a fresh price"
		return v
	}
	lowest := fresh[0].Value.Rat()
	v.Spread = new(big.Rat).Sub(fresh[len(fresh)-1].Value.Rat(), lowest)
	v.Spread.Quo(v.Spread, lowest)

	best := bestCamp(fresh, ref)
	for _, o := range fresh {
		if !slices.ContainsFunc(best, func(b Observation) bool { return b.Source == o.Source }) {
			v.Doubted = append(v.Doubted, o.Source)
		}
	}
	if best == nil {
		v.Reason = doubt(fresh, ref)
		return v
	}
	v.Quote, v.Alone = r.live(best), len(best) == 1
	v.Cached = newQuote(Cached, best[0].Currency, v.Quote.value, v.Quote.rate.Sources, v.Quote.observedAt, v.Quote.observedAt.Add(r.MaxAge))
	if !v.Alone {
		v.Agreed = v.Cached
	}
	return v
}

// at leaves out what no longer holds.
func (h Reference) at(now time.Time, answered int) Reference {
	for _, q := range []*Quote{&h.Last, &h.Agreed, &h.Static} {
		if !q.Holds(now) {
			*q = Quote{}
		}
	}
	if h.Last.none() {
		h.Last = h.Agreed
	}
	h.Sources = max(h.Sources, answered)
	return h
}

// bestCamp is the largest camp that is believed, of two equal ones the one nearer to the last good quote; nil for none. Without such a quote
// two single prices can't be told apart. fresh is sorted.
func bestCamp(fresh []Observation, ref Reference) []Observation {
	var best []Observation
	rivals := false
	for i := range fresh {
		camp := campOf(fresh, i)
		switch {
		case len(camp) < len(best) || !believed(camp, len(fresh), ref):
		case len(camp) > len(best):
			best = camp
		case ref.Last.none():
			rivals = true
		case distance(median(camp), ref.Last).Cmp(distance(median(best), ref.Last)) < 0:
			best = camp
		}
	}
	if rivals && len(best) == 1 {
		return nil
	}
	return best
}

// campOf is every price within Agreement of the i-th, itself included. fresh is sorted, so a camp is contiguous.
func campOf(fresh []Observation, i int) []Observation {
	from, to := i, i+1
	for from > 0 && near(fresh[from-1].Value.Rat(), fresh[i].Value.Rat(), Agreement) {
		from--
	}
	for to < len(fresh) && near(fresh[to].Value.Rat(), fresh[i].Value.Rat(), Agreement) {
		to++
	}
	return fresh[from:to]
}

func believed(camp []Observation, fresh int, ref Reference) bool {
	switch {
	case len(camp) == 1:
		return doubtAlone(camp[0].Value.Rat(), ref) == ""
	case ref.Last.none():
		return 2*len(camp) > fresh
	}
	return true
}

// doubtAlone is why a price that no second source confirms is not believed; "" when it is.
func doubtAlone(price *big.Rat, ref Reference) string {
	switch {
	case !ref.Last.none() && !near(price, ref.Last.value.Rat(), Agreement):
		return fmt.Sprintf("a jump of more than %d %% from %s needs a second source", Agreement, ref.Last.rate.Value)
	case !ref.Agreed.none():
		if !near(price, ref.Agreed.value.Rat(), Agreement) {
			return fmt.Sprintf("more than %d %% from %s, the last price of two sources, needs a second one", Agreement, ref.Agreed.rate.Value)
		}
	case !ref.Static.none():
		if !near(price, ref.Static.value.Rat(), StaticAgreement) {
			return fmt.Sprintf("a single source is more than %d %% from the static rate %s", StaticAgreement, ref.Static.rate.Value)
		}
	case ref.Sources > 1:
		return fmt.Sprintf("one source of %d is alone, and there is no price to compare it with", ref.Sources)
	}
	return ""
}

func doubt(fresh []Observation, ref Reference) string {
	if len(fresh) == 1 {
		return doubtAlone(fresh[0].Value.Rat(), ref)
	}
	if ref.Last.none() {
		return fmt.Sprintf("%d sources disagree by more than %d %%, and there is no last good price", len(fresh), Agreement)
	}
	return fmt.Sprintf("%d sources disagree by more than %d %%, and none is within that of %s", len(fresh), Agreement, ref.Last.rate.Value)
}

// live makes the quote of a camp. It is as old as its oldest price, and holds while its youngest is fresh.
func (r Rule) live(camp []Observation) Quote {
	sources := make([]event.RateSource, len(camp))
	oldest, youngest := camp[0].SeenAt, camp[0].SeenAt
	byName := slices.SortedFunc(slices.Values(camp), func(a, b Observation) int { return strings.Compare(a.Source, b.Source) })
	for i, o := range byName {
		sources[i] = event.RateSource{Name: o.Source, Value: o.Value.String(), ObservedAt: stamp(o.ObservedAt), FetchedAt: stamp(o.FetchedAt)}
		if o.SeenAt.Before(oldest) {
			oldest = o.SeenAt
		}
		if o.SeenAt.After(youngest) {
			youngest = o.SeenAt
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
		panic("quote: a mean of two prices is not a price: " + err.Error()) // positive, and of bounded length
	}
	return d
}

// near reports whether a lies within some percent of b.
func near(a, b *big.Rat, percent int64) bool {
	apart := new(big.Rat).Sub(a, b)
	apart.Abs(apart).Mul(apart, big.NewRat(100, percent))
	return apart.Cmp(b) <= 0
}

func distance(a *big.Rat, from Quote) *big.Rat {
	d := new(big.Rat).Sub(a, from.value.Rat())
	return d.Abs(d)
}
