package slip

import (
	"errors"
	"math/big"
	"strings"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
)

// Sign says which values a type of line may have.
type Sign int

// The signs.
const (
	Upward   Sign = iota // none below zero
	Downward             // none above zero, but its unit price
	Either
)

// signs has all types of line.
var signs = map[event.LineType]Sign{
	event.LineItem: Upward, event.LineTip: Upward, event.LineServiceCharge: Upward, event.LineShipping: Upward, event.LineGiftCard: Upward,
	event.LineDeposit: Upward, event.LineReturn: Downward, event.LineDiscount: Either, event.LineRounding: Either,
}

// SignOf returns which values lines of a type may have; ok is false for a type that there is not.
func SignOf(t event.LineType) (sign Sign, ok bool) {
	sign, ok = signs[t]
	return sign, ok
}

// Exact is what a line comes to before it is rounded: the price less the discount, with the taxes unless it includes them.
func Exact(gross Price, discount, tax money.Minor, taxIncluded bool) Price {
	if !taxIncluded {
		discount -= tax // what is taken off, less what is put on
	}
	return gross.Plus(-discount)
}

// Charged is an exact price as a line is charged: in whole minor units, halves rounded away from zero. fits is false when it is more than an
// amount can be.
func (s Sign) Charged(exact Price) (m money.Minor, fits bool) {
	amount := exact.rounded()
	if amount.CmpAbs(big.NewInt(int64(money.MaxMinor))) >= 0 {
		return 0, false
	}
	m = money.Minor(amount.Int64())
	if s == Upward && m < 0 || s == Downward && m > 0 {
		m = 0 // the discount is all of a price that had been rounded up
	}
	return m, true
}

var errNoAmount = errors.New("it has neither an amount nor a quantity and a unit price that make one")

// Adds is what a line of a committed record adds to its total: the amount that the till stated, or what quantity and unit price come to. The
// gateway has checked the line against the rules of its day, which may have been others: an error says that by today's nothing can be known.
func Adds(l *event.Line, c money.Currency) (money.Minor, error) {
	if l.Amount != "" {
		return c.ParseSigned(l.Amount)
	}
	quantity, okQuantity := ParseFactor(l.Quantity)
	unit, okUnit := ParseFactor(l.UnitPrice)
	sign, known := SignOf(typeOf(l))
	if !okQuantity || !okUnit || !known {
		return 0, errNoAmount
	}
	discount, err := optional(l.Discount, c)
	if err != nil {
		return 0, err
	}
	tax, err := taxes(l, c)
	if err != nil {
		return 0, err
	}
	m, fits := sign.Charged(Exact(quantity.Times(unit, c), discount, tax, l.TaxIncluded))
	if !fits {
		return 0, errNoAmount
	}
	return m, nil
}

func taxes(l *event.Line, c money.Currency) (money.Minor, error) {
	if l.Taxes == nil {
		return optional(l.Tax, c)
	}
	var sum money.Sum
	for i := range l.Taxes {
		one, err := c.ParseSigned(l.Taxes[i].Amount)
		if err != nil {
			return 0, err
		}
		sum.Add(one)
	}
	if !sum.Within(money.MaxMinor) {
		return 0, errNoAmount
	}
	tax, _ := sum.Minor()
	return tax, nil
}

func typeOf(l *event.Line) event.LineType {
	if l.Type == "" {
		return event.LineItem
	}
	return l.Type
}

// optional is 0 for a text that is not there.
func optional(text string, c money.Currency) (money.Minor, error) {
	if text == "" {
		return 0, nil
	}
	return c.ParseSigned(text)
}

// CanonicalRate is a tax rate without leading and trailing zeros: 9, 9.0 and 9.00 are one rate.
func CanonicalRate(text string) string {
	whole, fraction, _ := strings.Cut(text, ".")
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
