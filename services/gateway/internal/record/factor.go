package record

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/tillseal/tillseal/shared/money"
)

// factor is an exact decimal number: mantissa / 10^decimals.
type factor struct {
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

// parseFactor reads a plain decimal number, such as 0.250 or -1; ok is false when text has another form.
func parseFactor(text string) (f factor, ok bool) {
	plain, _ := strings.CutPrefix(text, "-")
	whole, decimals, point := strings.Cut(plain, ".")
	switch {
	case whole == "" || len(whole) > maxWhole || whole[0] == '0' && len(whole) > 1 || !isDigits(whole):
		return factor{}, false
	case point && (decimals == "" || len(decimals) > maxDecimals || !isDigits(decimals)):
		return factor{}, false
	}
	f = factor{decimals: len(decimals)}
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

// price is an exact number of minor units: units / per.
type price struct {
	units, per *big.Int
}

// times is quantity × unit price.
func (f factor) times(unit factor, c money.Currency) price {
	units := new(big.Int).Mul(f.mantissa, unit.mantissa)
	decimals := f.decimals + unit.decimals - c.Digits()
	if decimals <= 0 {
		return price{units.Mul(units, powers[-decimals]), powers[0]}
	}
	return price{units, powers[decimals]}
}

// plus adds whole minor units.
func (p price) plus(m money.Minor) price {
	more := new(big.Int).Mul(big.NewInt(int64(m)), p.per)
	return price{more.Add(more, p.units), p.per}
}

// rounded is p in whole minor units, halves rounded away from zero.
func (p price) rounded() *big.Int {
	half := new(big.Int).Abs(p.units) // floor(|x| + 1/2) = floor((2n + d) / 2d)
	half.Lsh(half, 1).Add(half, p.per)
	half.Div(half, new(big.Int).Lsh(p.per, 1))
	if p.units.Sign() < 0 {
		half.Neg(half)
	}
	return half
}

// outward is the least whole number of minor units that is at least |p|.
func (p price) outward() *big.Int {
	n := new(big.Int).Abs(p.units)
	return n.Add(n, p.per).Sub(n, powers[0]).Div(n, p.per)
}

// within reports whether m is at most one minor unit from p: every till's own way of rounding is.
func (p price) within(m money.Minor) bool {
	off := p.plus(-m)
	return off.units.CmpAbs(p.per) <= 0
}

// text is p in whole units of the currency, exact.
func (p price) text(c money.Currency) string {
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
