// Package loyalty is the programme's arithmetic: rules in, points out, exact and rounded down once (infra/docs/CONTRACT.md, 3.3).
package loyalty

import (
	"crypto/sha256"
	"math"
	"math/big"
	"math/bits"

	"github.com/tillseal/tillseal/shared/money"
)

// Rules are what a sale earns and what a point is worth. They never change; a new version is another Rules.
type Rules struct {
	Version string
	Hash    [sha256.Size]byte // of the rules' JSON value: spacing and the order of members aside

	perUnit map[string]*big.Rat // points for each whole unit of a currency; absent: sales in it earn nothing
	worth   map[string]*big.Rat // whole units for each point; absent: points can't be redeemed in it
	bonus   int64               // for the customer's first purchase
	tiers   []tier              // ascending, the first from purchase 1
}

type tier struct {
	name       string
	from       uint64
	multiplier *big.Rat
}

// Redeems reports whether points can be redeemed in c.
func (r *Rules) Redeems(c money.Currency) bool { return r.worth[c.Code()] != nil }

// Worth is what points pay in c, rounded down to its smallest unit. ok is false where points can't be redeemed, or where they are worth more
// than any total.
func (r *Rules) Worth(c money.Currency, points int64) (money.Minor, bool) {
	if points == 0 {
		return 0, true
	}
	worth, known := r.worth[c.Code()]
	if !known {
		return 0, false
	}
	minor := new(big.Int).Mul(big.NewInt(points), worth.Num())
	minor.Mul(minor, unit(c))
	minor.Quo(minor, worth.Denom())
	return money.Minor(minor.Int64()), minor.IsInt64()
}

// Earn is what a customer's purchase with this number, counted from 1, earns when paid is what is left after redeemed points:
// floor(paid × points per unit × tier's multiplier), and the bonus on the first. ok is false when that is beyond an int64.
func (r *Rules) Earn(c money.Currency, paid money.Minor, purchase uint64) (earned int64, ok bool) {
	if perUnit, known := r.perUnit[c.Code()]; known {
		multiplier := r.at(purchase).multiplier
		points := new(big.Int).Mul(big.NewInt(int64(paid)), perUnit.Num())
		points.Mul(points, multiplier.Num())
		per := new(big.Int).Mul(unit(c), perUnit.Denom())
		points.Quo(points, per.Mul(per, multiplier.Denom()))
		if !points.IsInt64() || points.Int64() > math.MaxInt64-maxBonus {
			return 0, false
		}
		earned = points.Int64()
	}
	if purchase == 1 {
		earned += r.bonus
	}
	return earned, true
}

// Tier is the name of the tier that a customer with this many purchases has reached.
func (r *Rules) Tier(purchases uint64) string { return r.at(purchases).name }

func (r *Rules) at(purchase uint64) tier {
	at := r.tiers[0]
	for _, t := range r.tiers {
		if t.from <= purchase {
			at = t
		}
	}
	return at
}

var units = [...]*big.Int{big.NewInt(1), big.NewInt(10), big.NewInt(100), big.NewInt(1000)}

// unit is how many of its smallest a whole unit of c has.
func unit(c money.Currency) *big.Int { return units[c.Digits()] }

// Share is floor(points × refunded / total): how many of a sale's points have gone back when refunded of its total has.
// Each refund takes the difference to the share before it, so that parts never drift. points is not negative and refunded ≤ total.
func Share(points int64, refunded, total money.Minor) int64 {
	high, low := bits.Mul64(uint64(points), uint64(refunded))
	share, _ := bits.Div64(high, low, uint64(total)) // fits: the share is at most points
	return int64(share)
}
