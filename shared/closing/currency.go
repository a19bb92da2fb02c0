package closing

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/slip"
)

// currency are the sums in one currency.
type currency struct {
	money.Currency

	sales, refunds  uint64
	gross, refunded money.Sum
	tax             map[string]*money.Sum // by rate, "" where none was given
	tenders         map[string]*tender    // by type
}

type tender struct {
	count  uint64
	amount money.Sum
}

// request is what a closing reads of a record as it was received. The gateway has checked it: there are no other spellings of its members.
type request struct {
	Lines []struct {
		Tax   *string `json:"tax"` // one sum, of no known rate
		Taxes []struct {
			Rate   *string `json:"rate"`
			Amount string  `json:"amount"`
		} `json:"taxes"`
	} `json:"lines"`
	Tenders []event.Tender `json:"tenders"`
}

func (c *currency) add(r *Record) error {
	total, err := c.Parse(r.Total)
	if err != nil {
		return fault.New(fault.Fatal, "the total %w", err)
	}
	sign := money.Minor(1)
	if r.Kind == sale.KindRefund {
		sign = -1
		c.refunds++
		c.refunded.Add(total)
	} else {
		c.sales++
		c.gross.Add(total)
	}
	var req request
	if json.Unmarshal(r.Request, &req) != nil { // its error may quote the record
		return fault.New(fault.Fatal, "the request is not a record")
	}
	for i := range req.Lines {
		line := &req.Lines[i]
		if line.Tax != nil {
			if err := c.addTax("", *line.Tax, sign); err != nil {
				return err
			}
		}
		for _, tax := range line.Taxes {
			rate := ""
			if tax.Rate != nil {
				rate = slip.CanonicalRate(*tax.Rate)
			}
			if err := c.addTax(rate, tax.Amount, sign); err != nil {
				return err
			}
		}
	}
	for i := range req.Tenders {
		if err := c.addTender(&req.Tenders[i], sign); err != nil {
			return err
		}
	}
	return nil
}

func (c *currency) addTax(rate, amount string, sign money.Minor) error {
	m, err := c.ParseSigned(amount)
	if err != nil {
		return fault.New(fault.Fatal, "a tax %w", err)
	}
	sum := c.tax[rate]
	if sum == nil {
		sum = new(money.Sum)
		c.tax[rate] = sum
	}
	sum.Add(sign * m)
	return nil
}

func (c *currency) addTender(of *event.Tender, sign money.Minor) error {
	m, err := c.ParseSigned(of.Amount)
	if err != nil {
		return fault.New(fault.Fatal, "a tender %w", err)
	}
	sum := c.tenders[of.Type]
	if sum == nil {
		sum = new(tender)
		c.tenders[of.Type] = sum
	}
	sum.count++
	sum.amount.Add(sign * m)
	return nil
}

// compareRates orders canonical rates by value, and none before all.
func compareRates(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	wholeA, _, _ := strings.Cut(a, ".")
	wholeB, _, _ := strings.Cut(b, ".")
	return cmp.Or(cmp.Compare(len(wholeA), len(wholeB)), strings.Compare(a, b))
}

// sorted is all that was paid, by currency.
func (s *Sums) sorted() []event.ClosedCurrency {
	all := make([]event.ClosedCurrency, 0, len(s.currencies))
	for _, code := range slices.Sorted(maps.Keys(s.currencies)) {
		c := s.currencies[code]
		one := event.ClosedCurrency{
			Currency: code, Sales: event.ClosedSales{Count: c.sales, Gross: c.FormatSum(c.gross)},
			Refunds: event.ClosedRefunds{Count: c.refunds, Total: c.FormatSum(c.refunded)}, Net: c.FormatSum(c.gross.Minus(c.refunded)),
			Tax: make([]event.ClosedTax, 0, len(c.tax)), Tenders: make([]event.ClosedTender, 0, len(c.tenders)),
		}
		for _, rate := range slices.SortedFunc(maps.Keys(c.tax), compareRates) {
			tax := event.ClosedTax{Amount: c.FormatSum(*c.tax[rate])}
			if rate != "" {
				tax.Rate = &rate
			}
			one.Tax = append(one.Tax, tax)
		}
		for _, kind := range slices.Sorted(maps.Keys(c.tenders)) {
			t := c.tenders[kind]
			one.Tenders = append(one.Tenders, event.ClosedTender{Type: kind, Count: t.count, Amount: c.FormatSum(t.amount)})
		}
		all = append(all, one)
	}
	return all
}
