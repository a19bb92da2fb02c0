// Package loyalty is the programme's arithmetic: rules in, points out, exact and rounded down once (infra/docs/CONTRACT.md, 3.3).
package loyalty

import (
	"crypto/sha256"
	"math"
	"math/big"
	"math/bits"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
)

// Rules are what a sale earns and what a point is worth. They never change; a new version is another Rules.
type Rules struct {
	Version string
	Text    string            // as it was parsed
	Hash    [sha256.Size]byte // of the rules' JSON value: spacing and the order of members aside

	perUnit map[string]*big.Rat // points for each whole unit of a currency; absent: sales in it earn nothing
	worth   map[string]*big.Rat // whole units for each point; absent: points can't be redeemed in it
	bonus   int64               // for the customer's first purchase that earns on more than 0
	tiers   []tier              // ascending, the first from purchase 1
	nothing []event.LineType    // lines that earn none
	offline int64               // points past the balance that an offline sale may redeem
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

// OfflineRedeemMax is how many points past the balance a sale that was made offline may redeem.
func (r *Rules) OfflineRedeemMax() int64 { return r.offline }

// Base is what a sale earns on: its total less the lines that earn none and less what the redeemed points pay, at least 0. fits is false when it
// is more than any total.
func (r *Rules) Base(total, worth money.Minor, lines map[event.LineType]money.Sum) (base money.Minor, fits bool) {
	var sum money.Sum
	sum.Add(total - worth)
	for _, t := range r.nothing {
		sum = sum.Minus(lines[t])
	}
	if sum.Negative() {
		return 0, true
	}
	return sum.Minor()
}

// PointWorth is what a point pays in c, such as "0.25 INR".
func (r *Rules) PointWorth(c money.Currency) string {
	worth := r.worth[c.Code()]
	if worth == nil {
		return "0 " + c.Code()
	}
	return decimal(worth) + " " + c.Code()
}

// Earn is what a customer's purchase with this number, counted from 1, earns on a base: floor(base × points per unit × tier's multiplier), and the
// bonus where it is still to come and the base is more than 0. ok is false when that is beyond an int64.
func (r *Rules) Earn(c money.Currency, base money.Minor, purchase uint64, bonus bool) (earned int64, ok bool) {
	if earned, ok = r.points(c, base, r.at(purchase).multiplier); !ok {
		return 0, false
	}
	if bonus && base > 0 {
		earned += r.bonus
	}
	return earned, true
}

// Claw is what a return without a receipt takes back: floor(total × points per unit). ok is false when that is beyond an int64.
func (r *Rules) Claw(c money.Currency, total money.Minor) (clawed int64, ok bool) {
	return r.points(c, total, big.NewRat(1, 1))
}

// points are floor(amount × points per unit × multiplier), with room for a bonus.
func (r *Rules) points(c money.Currency, amount money.Minor, multiplier *big.Rat) (n int64, ok bool) {
	perUnit, known := r.perUnit[c.Code()]
	if !known {
		return 0, true
	}
	points := new(big.Int).Mul(big.NewInt(int64(amount)), perUnit.Num())
	points.Mul(points, multiplier.Num())
	per := new(big.Int).Mul(unit(c), perUnit.Denom())
	points.Quo(points, per.Mul(per, multiplier.Denom()))
	if !points.IsInt64() || points.Int64() > math.MaxInt64-maxBonus {
		return 0, false
	}
	return points.Int64(), true
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
