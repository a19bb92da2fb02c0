package quote

import (
	"strings"
	"time"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Limits of what a source may answer.
const (
	maxValueIntegerDigits  = 15              // fiat per ETH: a thousand times what the weakest currency needs
	maxValueFractionDigits = 18              // CoinGecko's full precision has 17 significant digits
	maxSkew                = 2 * time.Minute // how far a source's clock may be ahead of ours
)

// ParseValue reads a price in fiat per ETH as a source wrote it. Zero, a sign, an exponent, NaN, infinity and lengths beyond
// any price are Invalid.
func ParseValue(text string) (money.Decimal, error) {
	value, err := money.ParseDecimal(text)
	if err != nil {
		return value, fault.New(fault.Invalid, "the price %w", err)
	}
	if whole, fraction, _ := strings.Cut(text, "."); len(whole) > maxValueIntegerDigits || len(fraction) > maxValueFractionDigits {
		return money.Decimal{}, fault.New(fault.Invalid, "the price has more than %d digits before or %d after the point", maxValueIntegerDigits,
			maxValueFractionDigits)
	}
	return value, nil
}

// Observation is what one source answered about one currency.
type Observation struct {
	Source                string
	Currency              string // its code
	Value                 money.Decimal
	ObservedAt, FetchedAt time.Time // when the source saw the price, by its own clock, and when we asked
	SeenAt                time.Time // the earlier of the two, by which it ages: a source's clock may be ahead
}

// Observe checks what a source answered; Invalid names what is wrong with it. The Rule checks its age.
func Observe(source string, currency money.Currency, value string, observedAt, fetchedAt time.Time) (Observation, error) {
	decimal, err := ParseValue(value)
	switch {
	case err != nil:
		return Observation{}, err
	case observedAt.Unix() <= 0:
		return Observation{}, fault.New(fault.Invalid, "the price has no time")
	case observedAt.After(fetchedAt.Add(maxSkew)):
		return Observation{}, fault.New(fault.Invalid, "the price's time is in the future")
	}
	o := Observation{Source: source, Currency: currency.Code(), Value: decimal, ObservedAt: observedAt, FetchedAt: fetchedAt, SeenAt: observedAt}
	if fetchedAt.Before(observedAt) {
		o.SeenAt = fetchedAt
	}
	return o, nil
}

// After is o when it follows before: a price with the same timestamp as before is as old as that one, however often it is answered.
func (o Observation) After(before Observation) Observation {
	if o.ObservedAt.Equal(before.ObservedAt) && before.SeenAt.Before(o.SeenAt) {
		o.SeenAt = before.SeenAt
	}
	return o
}
