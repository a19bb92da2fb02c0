package record

import (
	"math/big"
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
	quantity, hasQuantity := r.factor(v, at, "quantity", &out.Quantity)
	price, hasPrice := r.factor(v, at, "unit_price", &out.UnitPrice)
	if hasQuantity && quantity.mantissa.Sign() == 0 {
		r.refuse(at+"/quantity", "must be greater than zero")
	}
	discount := r.amount(v, at, "discount", p, &out.Discount)
	tax := r.amount(v, at, "tax", p, &out.Tax)
	if len(r.wrong) > before || p == nil || !hasQuantity || !hasPrice {
		return nil, false
	}
	amount := product(quantity, price, p.currency)
	amount.Sub(amount, big.NewInt(int64(discount)))
	return amount.Add(amount, big.NewInt(int64(tax))), true
}

// factor is an exact decimal number: mantissa / 10^decimals.
type factor struct {
	mantissa *big.Int
	decimals int
}

// Limits of a quantity or a unit price. A price is not an amount: fuel is sold at thousandths of a cent, so a price may be finer than its
// currency; the line's amount is rounded once.
const (
	maxWhole    = 15
	maxDecimals = 6
)

// parseFactor reads a plain decimal number, such as 0.250; ok is false when text has another form.
func parseFactor(text string) (f factor, ok bool) {
	whole, decimals, point := strings.Cut(text, ".")
	switch {
	case whole == "" || len(whole) > maxWhole || whole[0] == '0' && len(whole) > 1 || !isDigits(whole):
		return factor{}, false
	case point && (decimals == "" || len(decimals) > maxDecimals || !isDigits(decimals)):
		return factor{}, false
	}
	f = factor{decimals: len(decimals)}
	f.mantissa, ok = new(big.Int).SetString(whole+decimals, 10)
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

func (r *reader) factor(v *strictjson.Value, at, name string, out *string) (factor, bool) {
	text, ok := r.needed(v, at, name)
	if !ok {
		return factor{}, false
	}
	f, ok := parseFactor(text)
	if !ok {
		r.refuse(at+"/"+name, "must be a plain decimal number in a string, at most 15 digits before the point and 6 after it")
		return factor{}, false
	}
	*out = text
	return f, true
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

// powers are those of ten that a product of two factors can need, up to 10^(2 maxDecimals), and those of currencies.
var powers = func() (powers [2*maxDecimals + 1]*big.Int) {
	for i := range powers {
		powers[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
	}
	return powers
}()

// product is a × b in minor units, halves rounded up; neither is negative.
func product(a, b factor, c money.Currency) *big.Int {
	minor := new(big.Int).Mul(a.mantissa, b.mantissa)
	decimals := a.decimals + b.decimals - c.Digits()
	if decimals <= 0 {
		return minor.Mul(minor, powers[-decimals])
	}
	divisor := powers[decimals] // floor(x + 1/2) = floor((2n + d) / 2d)
	minor.Lsh(minor, 1).Add(minor, divisor)
	return minor.Div(minor, new(big.Int).Lsh(divisor, 1))
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
