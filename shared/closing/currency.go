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

// Paid are the sums in one currency.
type Paid struct {
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

// NewPaid begins to add up what is paid in a currency, such as INR. Another text is an Invalid fault.
func NewPaid(code string) (*Paid, error) {
	known, err := money.ParseCurrency(code)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the currency is %w", err)
	}
	return &Paid{Currency: known, tax: make(map[string]*money.Sum), tenders: make(map[string]*tender)}, nil
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

// record adds a record with all that its request has.
func (p *Paid) record(r *Record) error {
	if err := p.Add(r.Kind, r.Total); err != nil {
		return err
	}
	var req request
	if json.Unmarshal(r.Request, &req) != nil { // its error may quote the record
		return fault.New(fault.Fatal, "the request is not a record")
	}
	for i := range req.Lines {
		line := &req.Lines[i]
		if line.Tax != nil {
			if err := p.AddTax(r.Kind, "", *line.Tax); err != nil {
				return err
			}
		}
		for _, tax := range line.Taxes {
			rate := ""
			if tax.Rate != nil {
				rate = *tax.Rate
			}
			if err := p.AddTax(r.Kind, rate, tax.Amount); err != nil {
				return err
			}
		}
	}
	for i := range req.Tenders {
		if err := p.AddTender(r.Kind, req.Tenders[i].Type, req.Tenders[i].Amount); err != nil {
			return err
		}
	}
	return nil
}

// Add adds the total of a sale or a refund. Errors of Paid are Fatal: the gateway took nothing like it.
func (p *Paid) Add(kind sale.Kind, total string) error {
	m, err := p.Parse(total)
	if err != nil {
		return fault.New(fault.Fatal, "the total %w", err)
	}
	if kind == sale.KindRefund {
		p.refunds++
		p.refunded.Add(m)
	} else {
		p.sales++
		p.gross.Add(m)
	}
	return nil
}

// AddTax adds a tax of a line of such a record; its rate is "" where none was given.
func (p *Paid) AddTax(kind sale.Kind, rate, amount string) error {
	m, err := p.ParseSigned(amount)
	if err != nil {
		return fault.New(fault.Fatal, "a tax %w", err)
	}
	if rate != "" {
		rate = slip.CanonicalRate(rate)
	}
	sum := p.tax[rate]
	if sum == nil {
		sum = new(money.Sum)
		p.tax[rate] = sum
	}
	sum.Add(direction(kind) * m)
	return nil
}

// AddTender adds a payment of such a record.
func (p *Paid) AddTender(kind sale.Kind, by, amount string) error {
	m, err := p.ParseSigned(amount)
	if err != nil {
		return fault.New(fault.Fatal, "a tender %w", err)
	}
	sum := p.tenders[by]
	if sum == nil {
		sum = new(tender)
		p.tenders[by] = sum
	}
	sum.count++
	sum.amount.Add(direction(kind) * m)
	return nil
}

// direction is in which direction a record's taxes and payments go.
func direction(kind sale.Kind) money.Minor {
	if kind == sale.KindRefund {
		return -1
	}
	return 1
}

// Closed is what a closing says of it.
func (p *Paid) Closed() event.ClosedCurrency {
	c := event.ClosedCurrency{
		Currency: p.Code(), Sales: event.ClosedSales{Count: p.sales, Gross: p.FormatSum(p.gross)},
		Refunds: event.ClosedRefunds{Count: p.refunds, Total: p.FormatSum(p.refunded)}, Net: p.FormatSum(p.gross.Minus(p.refunded)),
		Tax: make([]event.ClosedTax, 0, len(p.tax)), Tenders: make([]event.ClosedTender, 0, len(p.tenders)),
	}
	for _, rate := range slices.SortedFunc(maps.Keys(p.tax), compareRates) {
		tax := event.ClosedTax{Amount: p.FormatSum(*p.tax[rate])}
		if rate != "" {
			tax.Rate = &rate
		}
		c.Tax = append(c.Tax, tax)
	}
	for _, by := range slices.Sorted(maps.Keys(p.tenders)) {
		t := p.tenders[by]
		c.Tenders = append(c.Tenders, event.ClosedTender{Type: by, Count: t.count, Amount: p.FormatSum(t.amount)})
	}
	return c
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
		all = append(all, s.currencies[code].Closed())
	}
	return all
}
