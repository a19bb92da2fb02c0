package export

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
)

// tally is what was exported, added up as a closing does it.
type tally struct {
	records          int64
	currencies       map[string]*closing.Paid
	earned, redeemed int64
	last             string // sale_hash of the last record
}

func newTally() tally { return tally{currencies: make(map[string]*closing.Paid)} }

// add adds what can be read of a record; there was a warning of the rest.
func (t *tally) add(r *Record) {
	t.records++
	t.last = r.SaleHash
	if l := r.Loyalty; l != nil {
		t.earned, t.redeemed = t.earned+l.PointsEarned, t.redeemed+l.PointsRedeemed
	}
	if r.Kind != sale.KindSale && r.Kind != sale.KindRefund || r.SignedTotal == "" {
		return
	}
	p := t.currencies[r.Currency]
	if p == nil {
		var err error
		if p, err = closing.NewPaid(r.Currency); err != nil {
			return
		}
		t.currencies[r.Currency] = p
	}
	if p.Add(r.Kind, r.Total) != nil {
		return
	}
	for i := range r.Lines {
		for _, tax := range taxesOf(&r.Lines[i]) {
			if tax.Rate == "" || decimal.MatchString(tax.Rate) { // another text was altered, and could write to a terminal what it likes
				_ = p.AddTax(r.Kind, tax.Rate, tax.Amount)
			}
		}
	}
	for i := range r.Tenders {
		_ = p.AddTender(r.Kind, r.Tenders[i].Type, r.Tenders[i].Amount)
	}
}

// closed is all that was added up, by currency.
func (t *tally) closed() map[string]event.ClosedCurrency {
	all := make(map[string]event.ClosedCurrency, len(t.currencies))
	for code, p := range t.currencies {
		all[code] = p.Closed()
	}
	return all
}

// String is the summary: how many records there are, and what they come to.
func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records", t.records)
	all := t.closed()
	for _, code := range slices.Sorted(maps.Keys(all)) {
		c := all[code]
		fmt.Fprintf(&b, "; %s %s: %d sales of %s, %d refunds of %s", code, c.Net, c.Sales.Count, c.Sales.Gross, c.Refunds.Count, c.Refunds.Total)
	}
	return b.String()
}

// difference is a figure of a closing that the records don't come to.
type difference struct{ figure, expected, found string }

func (d difference) String() string {
	return fmt.Sprintf("%s: expected %s, found %s", d.figure, d.expected, d.found)
}

// differences compares what was exported with what a closing says.
func (t *tally) differences(c *event.SalesClosed) (all []difference) {
	compare := func(figure, expected, found string) {
		if expected != found {
			all = append(all, difference{figure, expected, found})
		}
	}
	said, found := make(map[string]event.ClosedCurrency, len(c.Currencies)), t.closed()
	for _, one := range c.Currencies {
		said[one.Currency] = one
	}
	both := maps.Clone(said)
	maps.Copy(both, found)
	for _, code := range slices.Sorted(maps.Keys(both)) {
		want, got := figuresOf(said[code]), figuresOf(found[code])
		names := maps.Clone(want)
		maps.Copy(names, got)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			compare(name+" in "+code, cmp.Or(want[name], "none"), cmp.Or(got[name], "none"))
		}
	}
	compare("points earned", strconv.FormatInt(c.Points.Earned, 10), strconv.FormatInt(t.earned, 10))
	compare("points redeemed", strconv.FormatInt(c.Points.Redeemed, 10), strconv.FormatInt(t.redeemed, 10))
	if c.ToNumber >= c.FromNumber {
		found := t.last
		if found == "" {
			found = "no record"
		}
		compare(fmt.Sprintf("sale_hash of the last record, number %d", c.ToNumber), c.HeadHash.Hex(), found)
	}
	return all
}

// figuresOf are the figures of a currency by their names. One that is not there is none.
func figuresOf(c event.ClosedCurrency) map[string]string {
	all := make(map[string]string)
	if c.Currency == "" {
		return all
	}
	all["sales"], all["gross"] = strconv.FormatUint(c.Sales.Count, 10), c.Sales.Gross
	all["refunds"], all["total of the refunds"], all["net"] = strconv.FormatUint(c.Refunds.Count, 10), c.Refunds.Total, c.Net
	for _, tax := range c.Tax {
		name := "tax without a rate"
		if tax.Rate != nil {
			name = "tax of " + strconv.Quote(*tax.Rate) + " %"
		}
		all[name] = tax.Amount
	}
	for _, t := range c.Tenders {
		all["payments by "+strconv.Quote(t.Type)] = strconv.FormatUint(t.Count, 10) + " of " + t.Amount
	}
	return all
}
