package record

import (
	"strconv"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// tenders reads the means of payment and adds them up. What they must come to depends on what the redeemed points are worth.
func (r *reader) tenders(v *strictjson.Value, p *purse) ([]event.Tender, *money.Sum) {
	items, present := r.list(v, "", "tenders", maxTenders)
	if !present {
		return nil, nil
	}
	tenders, sum := make([]event.Tender, len(items)), new(money.Sum)
	for i, item := range items {
		sum.Add(r.tender(item, "/tenders/"+strconv.Itoa(i), p, &tenders[i]))
	}
	return tenders, sum
}

func (r *reader) tender(v *strictjson.Value, at string, p *purse, out *event.Tender) money.Minor {
	if v.Kind != strictjson.Object {
		r.refuse(at, "must be an object, not "+v.Kind.String())
		return 0
	}
	r.known(v, at, "type", "amount", "tendered", "change", "reference")
	before := len(r.wrong)
	if out.Type = r.filled(v, at, "type", maxShortText); v.Member("type") == nil {
		r.refuse(at+"/type", "is missing")
	}
	out.Reference = r.filled(v, at, "reference", maxReference)
	if v.Member("amount") == nil {
		r.refuse(at+"/amount", "is missing")
	}
	amount := r.amount(v, at, "amount", p, &out.Amount, false)
	tendered := r.amount(v, at, "tendered", p, &out.Tendered, false)
	change := r.amount(v, at, "change", p, &out.Change, false)
	isTendered, isChange := v.Member("tendered") != nil, v.Member("change") != nil
	switch {
	case isChange && !isTendered:
		r.refuse(at+"/change", "needs tendered: it is what was given back of that")
	case len(r.wrong) > before || p == nil || !isTendered || tendered-change == amount:
	case isChange:
		r.mismatched(at+"/change", "is "+p.currency.Format(change)+", tendered − amount is "+p.currency.Format(tendered-amount))
	default:
		r.mismatched(at+"/tendered", "is "+p.currency.Format(tendered)+", the amount without change is "+p.currency.Format(amount))
	}
	return amount
}
