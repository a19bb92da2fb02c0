package money

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/tillseal/tillseal/shared/fault"
)

// Minor is an amount in a currency's smallest unit: paise, cents, fils, or whole yen. The largest amount that Parse
// accepts, 15 digits and 3 decimals, is below 10^18, so that sums of a few stay within an int64.
type Minor int64

// MaxMinor is above every amount that Parse accepts.
const MaxMinor Minor = 1e18

const (
	maxIntegerDigits  = 15 // infra/docs/CONTRACT.md, 1.2: ^(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?$
	maxFractionDigits = 3
)

// Parse reads an amount as a till writes it: digits, no sign, no exponent, no leading zero, at most as many decimals as
// the currency has. Zero is allowed here; stricter rules are the caller's. Errors are Invalid and don't repeat s.
func (c Currency) Parse(s string) (Minor, error) {
	whole, fraction, dotted := strings.Cut(s, ".")
	switch {
	case !isDigits(whole) || len(whole) > maxIntegerDigits || hasLeadingZero(whole),
		dotted && (!isDigits(fraction) || len(fraction) > maxFractionDigits):
		return 0, fault.New(fault.Invalid, "must be a plain decimal number in a string, such as 1249.50, with at most 15 digits before the point")
	case len(fraction) > c.digits:
		return 0, fault.New(fault.Invalid, "has more decimals than %s allows (%d)", c.code, c.digits)
	}
	var m Minor
	for _, d := range whole + fraction {
		m = m*10 + Minor(d-'0')
	}
	for range c.digits - len(fraction) {
		m *= 10
	}
	return m, nil
}

// ParseSigned reads an amount that may be below zero, as a return's tax is: with a minus sign before what Parse reads.
func (c Currency) ParseSigned(s string) (Minor, error) {
	plain, negative := strings.CutPrefix(s, "-")
	m, err := c.Parse(plain)
	if negative {
		m = -m
	}
	return m, err
}

// Format writes m in canonical form, with exactly the currency's decimals: 1249.50, 300, 0.005.
func (c Currency) Format(m Minor) string {
	sign := ""
	u := uint64(m)
	if m < 0 {
		sign, u = "-", -u
	}
	return sign + c.point(strconv.FormatUint(u, 10))
}

// point puts the decimal point into a number of minor units.
func (c Currency) point(minor string) string {
	if c.digits == 0 {
		return minor
	}
	if pad := c.digits + 1 - len(minor); pad > 0 {
		minor = strings.Repeat("0", pad) + minor
	}
	return minor[:len(minor)-c.digits] + "." + minor[len(minor)-c.digits:]
}

// IsZero reports whether an amount, in the form that Parse reads, is zero. Such a total is worth 0 wei at any rate and needs none
// (infra/docs/CONTRACT.md, 4.2).
func IsZero(amount string) bool {
	whole, fraction, dotted := strings.Cut(amount, ".")
	return whole == "0" && (!dotted || fraction != "" && strings.Trim(fraction, "0") == "")
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func hasLeadingZero(digits string) bool { return len(digits) > 1 && digits[0] == '0' }

// Decimal is a positive exact decimal number, such as a rate in fiat per ETH or a total. The zero value is not a number.
type Decimal struct {
	text string
	num  apd.Decimal
}

const (
	maxDecimalIntegerDigits  = 30 // far beyond any price
	maxDecimalFractionDigits = 30
)

// ParseDecimal reads a positive decimal in plain notation. Zero, a leading zero, a sign, an exponent, NaN, infinity and numbers of absurd
// length are Invalid: they are refused on entry, so that the arithmetic never meets them.
func ParseDecimal(s string) (Decimal, error) {
	whole, fraction, dotted := strings.Cut(s, ".")
	if !isDigits(whole) || len(whole) > maxDecimalIntegerDigits || hasLeadingZero(whole) ||
		dotted && (!isDigits(fraction) || len(fraction) > maxDecimalFractionDigits) {
		return Decimal{}, fault.New(fault.Invalid, "must be a plain positive decimal number without leading zeros, at most %d digits on either side of the point",
			maxDecimalIntegerDigits)
	}
	d := Decimal{text: s}
	if _, _, err := d.num.SetString(s); err != nil {
		return Decimal{}, fault.New(fault.Invalid, "must be a decimal number: %w", err)
	}
	if d.num.Sign() <= 0 {
		return Decimal{}, fault.New(fault.Invalid, "must be greater than zero")
	}
	return d, nil
}

// String returns the parsed text, unchanged.
func (d Decimal) String() string { return d.text }

// IsZero reports whether d is the zero value, which is not a number.
func (d Decimal) IsZero() bool { return d.text == "" }

// Rat is d's exact value, for decisions about rates; for amounts there is Wei.
func (d Decimal) Rat() *big.Rat {
	r := new(big.Rat).SetInt(d.num.Coeff.MathBigInt())
	if scale := new(big.Rat).SetInt(pow10(max(int64(d.num.Exponent), -int64(d.num.Exponent)))); d.num.Exponent < 0 {
		r.Quo(r, scale)
	} else {
		r.Mul(r, scale)
	}
	return r
}

const (
	maxWeiDigits = 78 // of 2^256 - 1
	maxWeiBits   = 256
)

// ParseWei reads an amount in wei as all interfaces write it: digits without a leading zero or a sign, at most 2^256 - 1. Errors are Invalid
// and don't repeat s.
func ParseWei(s string) (*big.Int, error) {
	if isDigits(s) && len(s) <= maxWeiDigits && !hasLeadingZero(s) {
		if wei, ok := new(big.Int).SetString(s, 10); ok && wei.BitLen() <= maxWeiBits {
			return wei, nil
		}
	}
	return nil, fault.New(fault.Invalid, "must be a uint256 in decimal digits, without leading zeros or a sign")
}

var tenTo18 = pow10(18)

func pow10(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// Wei converts a fiat total at a rate in fiat per ETH: ceil(total·10^18 / rate), exact (infra/docs/CONTRACT.md, 4.2). All is done in
// integers: with total = a·10^x and rate = b·10^y it is ceil(a·10^18·10^(x−y) / b), one division, rounded once. Both are positive, and so
// is the result; a total of zero has no rate.
func Wei(total, rate Decimal) *big.Int {
	numerator := new(big.Int).Mul(total.num.Coeff.MathBigInt(), tenTo18)
	denominator := new(big.Int).Set(rate.num.Coeff.MathBigInt())
	if shift := int64(total.num.Exponent) - int64(rate.num.Exponent); shift > 0 {
		numerator.Mul(numerator, pow10(shift))
	} else if shift < 0 {
		denominator.Mul(denominator, pow10(-shift))
	}
	quotient, remainder := new(big.Int).QuoRem(numerator, denominator, new(big.Int))
	if remainder.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	return quotient
}
