package record

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// list reads an optional array of objects.
func (r *reader) list(v *strictjson.Value, name string, limit int) (items []*strictjson.Value, present bool) {
	m := v.Member(name)
	switch {
	case m == nil:
		return nil, false
	case m.Kind != strictjson.Array:
		r.refuse("/"+name, "must be an array, not "+m.Kind.String())
		return nil, false
	case len(m.Items) > limit:
		r.refuse("/"+name, "has more than "+strconv.Itoa(limit)+" entries")
		return nil, false
	}
	return m.Items, true
}

func (r *reader) lines(v *strictjson.Value, p *purse) []event.Line {
	items, present := r.list(v, "lines", maxLines)
	if !present {
		return nil
	}
	lines := make([]event.Line, len(items))
	sum, whole := new(big.Int), p != nil
	for i, item := range items {
		amount, ok := r.line(item, "/lines/"+strconv.Itoa(i), p, &lines[i])
		if whole = whole && ok; whole {
			sum.Add(sum, amount)
		}
	}
	if whole && sum.Cmp(big.NewInt(int64(p.total))) != 0 {
		r.mismatched("/lines", "don't add up to the total")
	}
	return lines
}

func (r *reader) line(v *strictjson.Value, at string, p *purse, out *event.Line) (*big.Int, bool) {
	if v.Kind != strictjson.Object {
		r.refuse(at, "must be an object, not "+v.Kind.String())
		return nil, false
	}
	r.known(v, at, "sku", "name", "quantity", "unit_price", "discount", "tax")
	before := len(r.wrong)
	sku, hasSKU := r.text(v, at, "sku", maxShortText)
	if out.SKU = sku; hasSKU && strings.TrimSpace(sku) == "" {
		r.refuse(at+"/sku", "is empty")
	}
	out.Name, _ = r.text(v, at, "name", maxNameText)
	quantity := r.factor(v, at, "quantity", &out.Quantity)
	price := r.factor(v, at, "unit_price", &out.UnitPrice)
	if quantity != nil && quantity.Sign() == 0 {
		r.refuse(at+"/quantity", "must be greater than zero")
	}
	discount := r.amount(v, at, "discount", p, &out.Discount)
	tax := r.amount(v, at, "tax", p, &out.Tax)
	if len(r.wrong) > before || p == nil || quantity == nil || price == nil {
		return nil, false
	}
	amount := roundHalfUp(new(big.Rat).Mul(quantity, price), p.currency)
	amount.Sub(amount, big.NewInt(int64(discount)))
	return amount.Add(amount, big.NewInt(int64(tax))), true
}

// factorForm is the form of a quantity or a unit price. A price is not an amount: fuel is sold at thousandths of a cent, so a price may be
// finer than its currency; the line's amount is rounded once.
var factorForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?$`)

func (r *reader) factor(v *strictjson.Value, at, name string, out *string) *big.Rat {
	text, ok := r.needed(v, at, name)
	if !ok {
		return nil
	}
	if !factorForm.MatchString(text) {
		r.refuse(at+"/"+name, "must be a plain decimal number in a string, at most 15 digits before the point and 6 after it")
		return nil
	}
	*out = text
	f, _ := new(big.Rat).SetString(text) // the form holds
	return f
}

// amount reads an optional amount in the record's currency, 0 without one.
func (r *reader) amount(v *strictjson.Value, at, name string, p *purse, out *string) money.Minor {
	text, ok := r.text(v, at, name, maxShortText)
	if !ok {
		return 0
	}
	*out = text
	if p == nil {
		return 0
	}
	m, err := p.currency.Parse(text)
	if err != nil {
		r.refuse(at+"/"+name, err.Error())
	}
	return m
}

// roundHalfUp turns a product, which is never negative, into minor units.
func roundHalfUp(product *big.Rat, c money.Currency) *big.Int {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Digits())), nil)
	doubled := new(big.Int).Mul(product.Num(), scale) // floor(x + 1/2) = floor((2n + d) / 2d)
	doubled.Lsh(doubled, 1).Add(doubled, product.Denom())
	return doubled.Div(doubled, new(big.Int).Lsh(product.Denom(), 1))
}

func (r *reader) tenders(v *strictjson.Value, p *purse) ([]event.Tender, *money.Minor) {
	items, present := r.list(v, "tenders", maxTenders)
	if !present {
		return nil, nil
	}
	tenders := make([]event.Tender, len(items))
	var sum money.Minor // at most maxTenders × 10^18: checked against overflow as it grows
	fits := true
	for i, item := range items {
		amount := r.tender(item, "/tenders/"+strconv.Itoa(i), p, &tenders[i])
		if fits = fits && p != nil && amount <= p.total-sum; fits {
			sum += amount
		}
	}
	if p != nil && !fits {
		r.mismatched("/tenders", "add up to more than the total")
	}
	return tenders, &sum
}

func (r *reader) tender(v *strictjson.Value, at string, p *purse, out *event.Tender) money.Minor {
	if v.Kind != strictjson.Object {
		r.refuse(at, "must be an object, not "+v.Kind.String())
		return 0
	}
	r.known(v, at, "type", "amount")
	kind, ok := r.needed(v, at, "type")
	if out.Type = kind; ok && strings.TrimSpace(kind) == "" {
		r.refuse(at+"/type", "is empty")
	}
	if v.Member("amount") == nil {
		r.refuse(at+"/amount", "is missing")
		return 0
	}
	return r.amount(v, at, "amount", p, &out.Amount)
}
