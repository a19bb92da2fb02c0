package record

import (
	"math/big"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/slip"
)

// billion is one whole in units of 10^-9.
const billion = 1_000_000_000

// Quantities are how many of each sku lines are of, in units of 10^-9.
type Quantities map[string]*big.Int

// Goods is one line's quantity of its sku, in units of 10^-9; a line with an amount alone is one. ok is false for what is neither sold nor brought
// back under a sku: lines without one, discounts and roundings, and what goes the other way: a return in a sale, and in a refund what the
// customer took instead.
func Goods(l *event.Line) (quantity *big.Int, ok bool) {
	if l.SKU == "" || l.Type == event.LineReturn || l.Type == event.LineDiscount || l.Type == event.LineRounding {
		return nil, false
	}
	if l.Quantity == "" {
		return big.NewInt(billion), true
	}
	f, ok := slip.ParseFactor(l.Quantity)
	if !ok {
		return nil, false
	}
	return f.Billionths(), true
}

// Add adds lines' goods.
func (q Quantities) Add(lines []event.Line) {
	for i := range lines {
		if n, ok := Goods(&lines[i]); ok {
			q.AddOf(lines[i].SKU, n)
		}
	}
}

// AddOf adds n of a sku.
func (q Quantities) AddOf(sku string, n *big.Int) {
	if had := q[sku]; had != nil {
		n = n.Add(n, had)
	}
	q[sku] = n
}

// Of is how many of a sku there are; not to be changed.
func (q Quantities) Of(sku string) *big.Int {
	if n := q[sku]; n != nil {
		return n
	}
	return new(big.Int)
}

// FormatQuantity writes a quantity as a line has it, without trailing zeros.
func FormatQuantity(n *big.Int) string {
	whole, part := new(big.Int).QuoRem(n, big.NewInt(billion), new(big.Int))
	if part.Sign() == 0 {
		return whole.String()
	}
	digits := new(big.Int).Add(part, big.NewInt(billion)).String()[1:]
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return whole.String() + "." + digits
}
