package export

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

// tally is what was exported, added up as a closing does it.
type tally struct {
	records          int64
	currencies       map[string]*sums
	earned, redeemed int64
	last             string // sale_hash of the last record
}

type sums struct {
	money.Currency

	sales, refunds  uint64
	gross, refunded money.Sum
}

func (t *tally) add(r *Record) {
	t.records++
	t.last = r.SaleHash
	if l := r.Loyalty; l != nil {
		t.earned, t.redeemed = t.earned+l.PointsEarned, t.redeemed+l.PointsRedeemed
	}
	if r.Kind != sale.KindSale && r.Kind != sale.KindRefund || r.SignedTotal == "" {
		return
	}
	s := t.currencies[r.Currency]
	if s == nil {
		s = &sums{Currency: r.currency}
		t.currencies[r.Currency] = s
	}
	if r.refund() {
		s.refunds++
		s.refunded.Add(-r.total)
	} else {
		s.sales++
		s.gross.Add(r.total)
	}
}

// String is the summary: how many records there are, and what they come to.
func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records", t.records)
	for _, code := range slices.Sorted(maps.Keys(t.currencies)) {
		s := t.currencies[code]
		fmt.Fprintf(&b, "; %s %s: %d sales of %s, %d refunds of %s", code, s.FormatSum(s.gross.Minus(s.refunded)), s.sales, s.FormatSum(s.gross),
			s.refunds, s.FormatSum(s.refunded))
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
	said := make(map[string]event.ClosedCurrency, len(c.Currencies))
	for _, one := range c.Currencies {
		said[one.Currency] = one
	}
	codes := slices.Sorted(maps.Keys(said))
	for _, code := range slices.Sorted(maps.Keys(t.currencies)) {
		if _, ok := said[code]; !ok {
			codes = append(codes, code)
		}
	}
	for _, code := range codes {
		want, is := said[code], said[code].Currency == code
		got := t.currencies[code]
		if got == nil {
			got = &sums{}
			got.Currency, _ = money.ParseCurrency(code) // a code that is none has 0 of nothing
		}
		if !is {
			zero := got.FormatSum(money.Sum{})
			want.Sales.Gross, want.Refunds.Total = zero, zero
		}
		compare("sales in "+code, strconv.FormatUint(want.Sales.Count, 10), strconv.FormatUint(got.sales, 10))
		compare("gross in "+code, want.Sales.Gross, got.FormatSum(got.gross))
		compare("refunds in "+code, strconv.FormatUint(want.Refunds.Count, 10), strconv.FormatUint(got.refunds, 10))
		compare("total of the refunds in "+code, want.Refunds.Total, got.FormatSum(got.refunded))
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
