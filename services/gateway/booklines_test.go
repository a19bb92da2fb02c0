package gateway_test

import (
	"math/big"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// rounded rounds an amount to the currency's smallest unit, halves away from zero.
func rounded(amount *big.Rat, currency string) *big.Rat {
	units := times(new(big.Rat).Abs(amount), tens(currency))
	out := new(big.Rat).Quo(whole(down(units.Add(units, fraction("1/2")))), tens(currency))
	if amount.Sign() < 0 {
		out.Neg(out)
	}
	return out
}

// orNone is the number in a text, 0 without one.
func orNone(s string) *big.Rat {
	if s == "" {
		return new(big.Rat)
	}
	return fraction(s)
}

func (l *ticketLine) taxed() *big.Rat {
	sum := orNone(l.Tax)
	for _, t := range l.Taxes {
		sum.Add(sum, fraction(t.Amount))
	}
	return sum
}

// adds is what a line adds to the total, or why it is refused.
func (l *ticketLine) adds(currency string) (*big.Rat, refusal.Code) {
	unit := new(big.Rat).Inv(tens(currency))
	amount := orNone(l.Amount)
	if l.Quantity != "" {
		gross, discount := times(fraction(l.Quantity), fraction(l.UnitPrice)), orNone(l.Discount)
		beyond := new(big.Rat).Sub(new(big.Rat).Abs(discount), new(big.Rat).Abs(gross))
		if beyond.Cmp(unit) >= 0 { // a till may have rounded its price up
			return nil, refusal.InvalidRecord
		}
		exact := gross.Sub(gross, discount)
		if !l.Included {
			exact.Add(exact, l.taxed())
		}
		if l.Amount == "" {
			if amount = rounded(exact, currency); l.Type == "" && amount.Sign() < 0 || l.Type == "return" && amount.Sign() > 0 {
				amount = new(big.Rat)
			}
		} else if off := new(big.Rat).Sub(amount, exact); off.Abs(off).Cmp(unit) > 0 {
			return nil, refusal.TotalsMismatch
		}
	}
	if new(big.Rat).Abs(l.taxed()).Cmp(new(big.Rat).Abs(amount)) > 0 {
		return nil, refusal.InvalidRecord
	}
	return amount, ""
}

// linesOf adds up lines, and those that earn nothing.
func linesOf(lines []ticketLine, currency string) (sum, nothing *big.Rat, code refusal.Code) {
	sum, nothing = new(big.Rat), new(big.Rat)
	roundings := new(big.Rat)
	for i := range lines {
		l := &lines[i]
		amount, why := l.adds(currency)
		if why != "" {
			if code == "" || why == refusal.InvalidRecord {
				code = why
			}
			continue
		}
		sum.Add(sum, amount)
		if bookNothing[l.Type] {
			nothing.Add(nothing, amount)
		}
		if l.Type == "rounding" && code == "" {
			roundings.Add(roundings, amount)
		}
	}
	if new(big.Rat).Abs(roundings).Cmp(whole(1)) > 0 { // together, up to a line that is wrong itself
		code = refusal.InvalidRecord
	}
	return sum, nothing, code
}

// goods is how many of each sku lines are of.
func goods(lines []ticketLine) map[string]*big.Rat {
	all := map[string]*big.Rat{}
	for i := range lines {
		l := &lines[i]
		if l.SKU == "" || l.Type == "return" || l.Type == "discount" || l.Type == "rounding" {
			continue
		}
		if all[l.SKU] == nil {
			all[l.SKU] = new(big.Rat)
		}
		if l.Quantity == "" {
			all[l.SKU].Add(all[l.SKU], whole(1))
		} else {
			all[l.SKU].Add(all[l.SKU], fraction(l.Quantity))
		}
	}
	return all
}

type ticketLine struct {
	Type      string      `json:"type,omitempty"`
	SKU       string      `json:"sku,omitempty"`
	Quantity  string      `json:"quantity,omitempty"`
	UnitPrice string      `json:"unit_price,omitempty"`
	Discount  string      `json:"discount,omitempty"`
	Included  bool        `json:"tax_included,omitempty"`
	Tax       string      `json:"tax,omitempty"`
	Taxes     []ticketTax `json:"taxes,omitempty"`
	Amount    string      `json:"amount,omitempty"`
}

type ticketTax struct {
	Rate   string `json:"rate,omitempty"`
	Amount string `json:"amount"`
}

func fraction(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("no number: " + s)
	}
	return r
}

func whole(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }

func times(a *big.Rat, more ...*big.Rat) *big.Rat {
	out := new(big.Rat).Set(a)
	for _, b := range more {
		out.Mul(out, b)
	}
	return out
}

func down(r *big.Rat) int64 { return new(big.Int).Div(r.Num(), r.Denom()).Int64() }

// tens is how many of its smallest unit a currency has.
func tens(currency string) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(bookDigits[currency])), nil))
}
