package loyalty

import (
	"math/big"
	"strings"

	"github.com/tillseal/tillseal/shared/event"
)

// shown are rules in the form of their file, with what it may leave out.
type shown struct {
	Version    string            `json:"version"`
	PerUnit    map[string]string `json:"points_per_unit"`
	Bonus      int64             `json:"first_purchase_bonus"`
	Tiers      []shownTier       `json:"tiers"`
	PointWorth map[string]string `json:"point_worth"`
	Nothing    []event.LineType  `json:"earn_nothing"`
	Offline    int64             `json:"offline_redeem_max"`
}

type shownTier struct {
	Name       string `json:"name"`
	From       uint64 `json:"from_purchase"`
	Multiplier string `json:"multiplier"`
}

// MarshalJSON writes the rules as a file that Parse reads: decimals without trailing zeros, what was left out as it counts, and no currency that
// is at "0". Parse gives the same rules again; only their Hash is that of another file.
func (r *Rules) MarshalJSON() ([]byte, error) {
	out := shown{
		Version: r.Version, PerUnit: decimals(r.perUnit), Bonus: r.bonus, Tiers: make([]shownTier, len(r.tiers)), PointWorth: decimals(r.worth),
		Nothing: r.nothing, Offline: r.offline,
	}
	for i, t := range r.tiers {
		out.Tiers[i] = shownTier{t.name, t.from, decimal(t.multiplier)}
	}
	return event.PlainJSON(out)
}

func decimals(of map[string]*big.Rat) map[string]string {
	texts := make(map[string]string, len(of))
	for code, factor := range of {
		texts[code] = decimal(factor)
	}
	return texts
}

// decimal writes a factor, which has at most maxFactorDecimals digits after the point.
func decimal(factor *big.Rat) string {
	return strings.TrimRight(strings.TrimRight(factor.FloatString(maxFactorDecimals), "0"), ".")
}
