package export

import (
	"slices"
	"strconv"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/slip"
)

// table is what a file of CSV is of.
type table struct {
	columns []string
	rows    func(r *Record, emit func(cells ...string) error) error
}

// of is what begins each row of a table that has several rows a record.
var of = []string{"sale_id", "kind", "store_id", "terminal_id", "record_number", "recorded_at", "currency"}

func (r *Record) of() []string {
	return []string{
		text(r.SaleID), text(string(r.Kind)), text(r.StoreID), text(r.TerminalID), strconv.FormatUint(r.RecordNumber, 10), r.RecordedAt, text(r.Currency),
	}
}

// tables are all of them, by the name that -what gives.
var tables = map[string]table{
	"records": {
		[]string{
			"sale_id", "kind", "store_id", "terminal_id", "record_number", "recorded_at", "occurred_at", "terminal_seq", "offline", "external_ref", "currency",
			"total", "signed_total", "customer_id", "refund_of", "points_earned", "points_redeemed", "points_balance", "note", "reason", "by", "metadata", "sale_hash",
		},
		records,
	},
	"lines": {
		append(slices.Clip(of), "line", "type", "sku", "name", "quantity", "unit_price", "discount", "tax_included", "amount"),
		lines,
	},
	"tenders": {
		append(slices.Clip(of), "tender", "type", "amount", "tendered", "change", "reference"),
		tenders,
	},
	"taxes": {
		append(slices.Clip(of), "line", "name", "rate", "amount", "tax_included"),
		taxes,
	},
}

func records(r *Record, emit func(...string) error) error {
	var seq, earned, redeemed, balance, metadata string
	if r.TerminalSeq != nil {
		seq = strconv.FormatInt(*r.TerminalSeq, 10)
	}
	if l := r.Loyalty; l != nil {
		earned, redeemed, balance = strconv.FormatInt(l.PointsEarned, 10), strconv.FormatInt(l.PointsRedeemed, 10), strconv.FormatInt(l.PointsBalance, 10)
	}
	if len(r.Metadata) > 0 {
		plain, err := event.PlainJSON(r.Metadata)
		if err != nil {
			return err
		}
		metadata = string(plain)
	}
	return emit(text(r.SaleID), text(string(r.Kind)), text(r.StoreID), text(r.TerminalID), strconv.FormatUint(r.RecordNumber, 10), r.RecordedAt,
		text(r.OccurredAt), seq, strconv.FormatBool(r.Offline), text(r.ExternalRef), text(r.Currency), figure(r.Total), r.SignedTotal, text(r.CustomerID),
		text(r.RefundOf), earned, redeemed, balance, text(r.Note), text(r.Reason), text(r.By), text(metadata),
		text(r.SaleHash))
}

// amount is an amount of a line, a tender or a tax: below zero on a refund, so that a column adds up to what a closing says.
func (r *Record) amount(s string) string {
	if s == "" {
		return ""
	}
	if m, err := r.currency.ParseSigned(s); err == nil {
		s = r.currency.Format(m)
	}
	return r.signed(s)
}

func (r *Record) signed(s string) string {
	if r.refund() && decimal.MatchString(s) {
		s = negated(s)
	}
	return figure(s)
}

func lines(r *Record, emit func(...string) error) error {
	for i := range r.Lines {
		l := &r.Lines[i]
		kind := l.Type
		if kind == "" {
			kind = event.LineItem
		}
		row := append(r.of(), strconv.Itoa(i+1), text(string(kind)), text(l.SKU), text(l.Name), r.signed(l.Quantity), figure(l.UnitPrice),
			r.amount(l.Discount), strconv.FormatBool(l.TaxIncluded), r.added[i])
		if err := emit(row...); err != nil {
			return err
		}
	}
	return nil
}

func tenders(r *Record, emit func(...string) error) error {
	for i := range r.Tenders {
		t := &r.Tenders[i]
		row := append(r.of(), strconv.Itoa(i+1), text(t.Type), r.amount(t.Amount), r.amount(t.Tendered), r.amount(t.Change), text(t.Reference))
		if err := emit(row...); err != nil {
			return err
		}
	}
	return nil
}

func taxes(r *Record, emit func(...string) error) error {
	for i := range r.Lines {
		l := &r.Lines[i]
		for _, tax := range taxesOf(l) {
			rate := tax.Rate
			if decimal.MatchString(rate) {
				rate = slip.CanonicalRate(rate)
			}
			row := append(r.of(), strconv.Itoa(i+1), text(tax.Name), figure(rate), r.amount(tax.Amount), strconv.FormatBool(l.TaxIncluded))
			if err := emit(row...); err != nil {
				return err
			}
		}
	}
	return nil
}

// taxesOf are a line's taxes; one sum is a tax of no known rate.
func taxesOf(l *event.Line) []event.Tax {
	if l.Tax != "" {
		return []event.Tax{{Amount: l.Tax}}
	}
	return l.Taxes
}
