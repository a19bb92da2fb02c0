// Package slip holds the arithmetic of a till's slip: what a line with a quantity and a unit price comes to (infra/docs/CONTRACT.md, 2.2). It is
// exact, and rounds once a line.
package slip

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/tillseal/tillseal/shared/money"
)

// Factor is an exact decimal number: mantissa / 10^decimals.
type Factor struct {
	mantissa *big.Int
	decimals int
}

// Limits of a quantity or a unit price. A price is not an amount: fuel is sold at thousandths of a cent, so a price may be finer than its
// currency; the line's amount is rounded once.
const (
	maxWhole    = 15
	maxDecimals = 9

	maxDigits = 18 // that fit an int64
)

// ParseFactor reads a plain decimal number, such as 0.250 or -1; ok is false when text has another form.
func ParseFactor(text string) (f Factor, ok bool) {
	plain, _ := strings.CutPrefix(text, "-")
	whole, decimals, point := strings.Cut(plain, ".")
	switch {
	case whole == "" || len(whole) > maxWhole || whole[0] == '0' && len(whole) > 1 || !isDigits(whole):
		return Factor{}, false
	case point && (decimals == "" || len(decimals) > maxDecimals || !isDigits(decimals)):
		return Factor{}, false
	}
	f = Factor{decimals: len(decimals)}
	if digits := whole + decimals; len(digits) <= maxDigits {
		n, _ := strconv.ParseInt(digits, 10, 64) // they are digits
		f.mantissa, ok = big.NewInt(n), true
	} else {
		f.mantissa, ok = new(big.Int).SetString(digits, 10)
	}
	if len(plain) < len(text) {
		f.mantissa.Neg(f.mantissa)
	}
	return f, ok
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

var powers = func() (powers [2*maxDecimals + 1]*big.Int) {
	for i := range powers {
		powers[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
	}
	return powers
}()

// Sign is below, at or above 0 as the number is.
func (f Factor) Sign() int { return f.mantissa.Sign() }

// Billionths is the number in units of 10^-9, of which every factor is a whole number.
func (f Factor) Billionths() *big.Int {
	return new(big.Int).Mul(f.mantissa, powers[maxDecimals-f.decimals])
}

// Price is an exact number of minor units: units / per.
type Price struct {
	units, per *big.Int
}

// Times is quantity × unit price.
func (f Factor) Times(unit Factor, c money.Currency) Price {
	units := new(big.Int).Mul(f.mantissa, unit.mantissa)
	decimals := f.decimals + unit.decimals - c.Digits()
	if decimals <= 0 {
		return Price{units.Mul(units, powers[-decimals]), powers[0]}
	}
	return Price{units, powers[decimals]}
}

// Plus adds whole minor units.
func (p Price) Plus(m money.Minor) Price {
	more := new(big.Int).Mul(big.NewInt(int64(m)), p.per)
	return Price{more.Add(more, p.units), p.per}
}

// rounded is p in whole minor units, halves rounded away from zero.
func (p Price) rounded() *big.Int {
	half := new(big.Int).Abs(p.units) // floor(|x| + 1/2) = floor((2n + d) / 2d)
	half.Lsh(half, 1).Add(half, p.per)
	half.Div(half, new(big.Int).Lsh(p.per, 1))
	if p.units.Sign() < 0 {
		half.Neg(half)
	}
	return half
}

// Outward is the least whole number of minor units that is at least |p|.
func (p Price) Outward() *big.Int {
	n := new(big.Int).Abs(p.units)
	return n.Add(n, p.per).Sub(n, powers[0]).Div(n, p.per)
}

// Within reports whether m is at most one minor unit from p: every till's own way of rounding is.
func (p Price) Within(m money.Minor) bool {
	off := p.Plus(-m)
	return off.units.CmpAbs(p.per) <= 0
}

// Text is p in whole units of the currency, exact.
func (p Price) Text(c money.Currency) string {
	digits := c.Digits() + len(p.per.String()) - 1
	text := new(big.Int).Abs(p.units).String()
	if pad := digits + 1 - len(text); pad > 0 {
		text = strings.Repeat("0", pad) + text
	}
	whole, decimals := text[:len(text)-digits], text[len(text)-digits:]
	for len(decimals) > c.Digits() && decimals[len(decimals)-1] == '0' {
		decimals = decimals[:len(decimals)-1]
	}
	if decimals != "" {
		whole += "." + decimals
	}
	if p.units.Sign() < 0 {
		return "-" + whole
	}
	return whole
}
