package record

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/slip"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// list reads an optional array of objects.
func (r *reader) list(v *strictjson.Value, at, name string, limit int) (items []*strictjson.Value, present bool) {
	m := v.Member(name)
	switch {
	case m == nil:
		return nil, false
	case m.Kind != strictjson.Array:
		r.refuse(at+"/"+name, "must be an array, not "+m.Kind.String())
		return nil, false
	case len(m.Items) > limit:
		r.refuse(at+"/"+name, "has "+strconv.Itoa(len(m.Items))+" entries, at most "+strconv.Itoa(limit)+" are allowed")
		return nil, false
	}
	return m.Items, true
}

// Sums are what the lines of each type add up to.
type Sums map[event.LineType]money.Sum

func (s Sums) add(of event.LineType, m money.Minor) {
	sum := s[of]
	sum.Add(m)
	s[of] = sum
}

func (r *reader) lines(v *strictjson.Value, p *purse) ([]event.Line, Sums) {
	items, present := r.list(v, "", "lines", maxLines)
	if !present {
		return nil, nil
	}
	lines, sums := make([]event.Line, len(items)), make(Sums)
	var all money.Sum
	whole, rounds := p != nil, ""
	for i, item := range items {
		l := line{reader: r, at: "/lines/" + strconv.Itoa(i), purse: p, out: &lines[i]}
		amount, ok := l.read(item)
		if whole = whole && ok; !whole {
			continue
		}
		all.Add(amount)
		sums.add(l.kind, amount)
		if l.kind == event.LineRounding {
			rounds = l.at
		}
	}
	if rounds != "" {
		r.rounding(rounds, p.currency, sums[event.LineRounding])
	}
	if whole && !all.Is(p.total) {
		r.mismatched("/lines", "add up to "+p.currency.FormatSum(all)+", the total is "+p.currency.Format(p.total))
	}
	return lines, sums
}

// rounding checks what the lines that round come to together, the last of them at a pointer.
func (r *reader) rounding(at string, c money.Currency, sum money.Sum) {
	if most := c.MaxRounding(); !sum.Within(most) {
		r.refuse(at+"/amount", "brings what is rounded to "+c.FormatSum(sum)+", at most "+c.Format(most)+" either way is rounding")
	}
}

// line is a line that is being read.
type line struct {
	*reader

	at    string // its pointer
	purse *purse // nil: no amount can be read
	kind  event.LineType
	sign  slip.Sign
	out   *event.Line

	above, below string // the pointers of its first tax above zero and of its first below
}

// read returns what the line adds to the total; ok is false when that is not known.
func (l *line) read(v *strictjson.Value) (amount money.Minor, ok bool) {
	if v.Kind != strictjson.Object {
		l.refuse(l.at, "must be an object, not "+v.Kind.String())
		return 0, false
	}
	l.known(v, l.at, "type", "sku", "name", "quantity", "unit_price", "discount", "tax_included", "tax", "taxes", "amount")
	before := len(l.wrong)
	l.readType(v)
	l.out.SKU = l.filled(v, l.at, "sku", maxShortText)
	l.out.Name, _ = l.text(v, l.at, "name", maxNameText)
	quantity, unit, priced := l.factors(v)
	discount := l.amount(v, "discount", &l.out.Discount)
	l.out.TaxIncluded = l.boolean(v, l.at, "tax_included")
	tax := l.taxes(v)
	amount = l.amount(v, "amount", &l.out.Amount)
	stated := v.Member("amount") != nil
	if !priced && !stated && v.Member("quantity") == nil && v.Member("unit_price") == nil {
		l.refuse(l.at+"/amount", "is missing: a line has quantity and unit_price, its amount, or all three")
	}
	if len(l.wrong) > before || l.purse == nil {
		return 0, false
	}
	if priced {
		if amount, ok = l.price(quantity.Times(unit, l.purse.currency), discount, tax, amount, stated); !ok {
			return 0, false
		}
	}
	return amount, l.taxesFit(v, tax, amount)
}

func (l *line) readType(v *strictjson.Value) {
	l.kind = event.LineItem
	if text, ok := l.text(v, l.at, "type", maxShortText); ok {
		l.kind, l.out.Type = event.LineType(text), event.LineType(text)
	}
	var known bool
	if l.sign, known = slip.SignOf(l.kind); !known {
		l.refuse(l.at+"/type", "must be one of "+lineTypes)
		l.sign = slip.Either // nothing else is known to be wrong
	}
}

var lineTypes = func() string {
	names := make([]string, len(event.LineTypes))
	for i, t := range event.LineTypes {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}()

// price is what quantity and unit price come to, or the stated amount if that is the same but for a till's own rounding.
func (l *line) price(gross slip.Price, discount, tax, stated money.Minor, isStated bool) (money.Minor, bool) {
	c := l.purse.currency
	if most := gross.Outward(); most.CmpAbs(big.NewInt(int64(discount))) < 0 {
		l.refuse(l.at+"/discount", "is "+c.Format(discount)+", quantity × unit_price is only "+gross.Text(c))
		return 0, false
	}
	exact := slip.Exact(gross, discount, tax, l.out.TaxIncluded)
	if isStated {
		if !exact.Within(stated) {
			l.mismatched(l.at+"/amount", "is "+c.Format(stated)+", quantity × unit_price − discount"+l.andTaxes()+" is "+exact.Text(c)+
				": at most "+c.Format(1)+" of difference is a till's rounding")
			return 0, false
		}
		return stated, true
	}
	amount, fits := l.sign.Charged(exact)
	if !fits {
		l.refuse(l.at+"/unit_price", "times quantity is more than an amount can be")
	}
	return amount, fits
}

func (l *line) andTaxes() string {
	if l.out.TaxIncluded || l.out.Tax == "" && l.out.Taxes == nil {
		return ""
	}
	return " + taxes"
}

// taxesFit checks that a line is not less than the taxes in it, and that none of them goes the other way, which would be hidden in a closing.
func (l *line) taxesFit(v *strictjson.Value, tax, amount money.Minor) bool {
	c := l.purse.currency
	switch {
	case abs(tax) > abs(amount) && v.Member("tax") != nil:
		l.refuse(l.at+"/tax", "comes to "+c.Format(tax)+", the line with it to "+c.Format(amount))
	case abs(tax) > abs(amount):
		l.refuse(l.at+"/taxes", "come to "+c.Format(tax)+", the line with them to "+c.Format(amount))
	case amount <= 0 && l.above != "":
		l.refuse(l.above, "is above zero, the line comes to "+c.Format(amount))
	case amount >= 0 && l.below != "":
		l.refuse(l.below, "is below zero, the line comes to "+c.Format(amount))
	default:
		return true
	}
	return false
}

func abs(m money.Minor) money.Minor { return max(m, -m) }

// factors reads quantity and unit price, which come together.
func (l *line) factors(v *strictjson.Value) (quantity, unit slip.Factor, ok bool) {
	hasQuantity, hasUnit := v.Member("quantity") != nil, v.Member("unit_price") != nil
	switch {
	case !hasQuantity && !hasUnit:
		return slip.Factor{}, slip.Factor{}, false
	case !hasQuantity:
		l.refuse(l.at+"/quantity", "is missing: quantity and unit_price come together")
		return slip.Factor{}, slip.Factor{}, false
	case !hasUnit:
		l.refuse(l.at+"/unit_price", "is missing: quantity and unit_price come together")
		return slip.Factor{}, slip.Factor{}, false
	}
	quantity, okQuantity := l.factor(v, "quantity", &l.out.Quantity)
	unit, okUnit := l.factor(v, "unit_price", &l.out.UnitPrice)
	if okQuantity {
		if quantity.Sign() == 0 {
			l.refuse(l.at+"/quantity", "must not be zero")
		}
		l.signed(l.at, "quantity", quantity.Sign())
	}
	if okUnit && l.sign != slip.Either && unit.Sign() < 0 {
		l.refuse(l.at+"/unit_price", "must not be negative: "+signedLines)
	}
	return quantity, unit, okQuantity && okUnit
}

const signedLines = "negative values belong to lines of type return, discount and rounding"

// signed checks a value's sign against the line's type.
func (l *line) signed(at, name string, sign int) {
	switch {
	case l.sign == slip.Upward && sign < 0:
		l.refuse(at+"/"+name, "must not be negative: "+signedLines)
	case l.sign == slip.Downward && sign > 0:
		l.refuse(at+"/"+name, "must be negative on a line of type return: it is what comes back")
	}
}

func (l *line) factor(v *strictjson.Value, name string, out *string) (slip.Factor, bool) {
	text, ok := l.text(v, l.at, name, maxShortText)
	if !ok {
		return slip.Factor{}, false
	}
	f, ok := slip.ParseFactor(text)
	if !ok {
		l.refuse(l.at+"/"+name, "must be a plain decimal number in a string, such as 0.250, at most 15 digits before the point and 9 after it")
		return slip.Factor{}, false
	}
	*out = text
	return f, true
}

// amount reads an optional amount of the line, 0 without one.
func (l *line) amount(v *strictjson.Value, name string, out *string) money.Minor {
	m := l.reader.amount(v, l.at, name, l.purse, out, true)
	l.signed(l.at, name, int(m))
	return m
}

// taxes reads a line's taxes, or its one tax, and adds them up.
func (l *line) taxes(v *strictjson.Value) (sum money.Minor) {
	if v.Member("tax") != nil && v.Member("taxes") != nil {
		l.refuse(l.at+"/tax", "is given together with taxes, for which it is short: give only one")
		return 0
	}
	items, present := l.list(v, l.at, "taxes", maxTaxes)
	if !present {
		sum = l.amount(v, "tax", &l.out.Tax)
		l.direction(l.at+"/tax", sum)
		return sum
	}
	if len(items) > 0 {
		l.out.Taxes = make([]event.Tax, len(items))
	}
	var all money.Sum // twenty of the largest amounts don't fit one
	for i, item := range items {
		at := l.at + "/taxes/" + strconv.Itoa(i)
		tax := l.tax(item, at, &l.out.Taxes[i])
		l.direction(at+"/amount", tax)
		all.Add(tax)
	}
	if !all.Within(money.MaxMinor) {
		l.refuse(l.at+"/taxes", "come to more than an amount can be")
		return 0
	}
	sum, _ = all.Minor()
	return sum
}

func (l *line) direction(at string, tax money.Minor) {
	if tax > 0 {
		l.above = cmp.Or(l.above, at)
	}
	if tax < 0 {
		l.below = cmp.Or(l.below, at)
	}
}

func (l *line) tax(v *strictjson.Value, at string, out *event.Tax) money.Minor {
	if v.Kind != strictjson.Object {
		l.refuse(at, "must be an object, not "+v.Kind.String())
		return 0
	}
	l.known(v, at, "name", "rate", "amount")
	out.Name, _ = l.text(v, at, "name", maxNameText)
	if rate, ok := l.text(v, at, "rate", maxShortText); ok {
		if f, ok := slip.ParseFactor(rate); !ok || f.Sign() < 0 || rate[0] == '-' {
			l.refuse(at+"/rate", "must be a plain decimal number in a string, in per cent, such as 9 or 2.5")
		}
		out.Rate = rate
	}
	if v.Member("amount") == nil {
		l.refuse(at+"/amount", "is missing")
		return 0
	}
	m := l.reader.amount(v, at, "amount", l.purse, &out.Amount, true)
	l.signed(at, "amount", int(m))
	return m
}
