package api

import (
	"cmp"
	"strings"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/slip"
)

// slipLine is a line of a receipt's page: what the till said of it, and what it adds to the total.
type slipLine struct {
	What, Amount string
	Details      []string
}

func slipLines(lines []event.Line, code string) []slipLine {
	shown := make([]slipLine, len(lines))
	currency, err := money.ParseCurrency(code)
	for i := range lines {
		shown[i] = slipLineOf(&lines[i])
		if amount, wrong := slip.Adds(&lines[i], currency); err == nil && wrong == nil { // else as it was sent, or nothing
			shown[i].Amount = currency.Format(amount)
		}
	}
	return shown
}

func slipLineOf(l *event.Line) slipLine {
	kind := strings.ReplaceAll(string(cmp.Or(l.Type, event.LineItem)), "_", " ")
	s := slipLine{What: cmp.Or(l.Name, l.SKU, kind), Amount: l.Amount}
	if s.What != kind && kind != string(event.LineItem) {
		s.What += " (" + kind + ")"
	}
	if l.Quantity != "" {
		s.Details = append(s.Details, l.Quantity+" × "+l.UnitPrice)
	}
	if l.Discount != "" {
		s.Details = append(s.Details, "discount "+l.Discount)
	}
	taxes := l.Taxes
	if l.Tax != "" {
		taxes = []event.Tax{{Amount: l.Tax}}
	}
	for _, t := range taxes {
		name := cmp.Or(t.Name, "tax")
		if t.Rate != "" {
			name += " " + t.Rate + " %"
		}
		s.Details = append(s.Details, name+" "+t.Amount)
	}
	if l.TaxIncluded {
		s.Details = append(s.Details, "tax included")
	}
	return s
}

// slipTender is a means of payment on a receipt's page.
type slipTender struct {
	Type, Amount string
	Details      string // "" for none
}

func slipTenders(tenders []event.Tender) []slipTender {
	shown := make([]slipTender, len(tenders))
	for i, t := range tenders {
		var details []string
		for _, d := range [...]struct{ name, value string }{{"tendered", t.Tendered}, {"change", t.Change}, {"reference", t.Reference}} {
			if d.value != "" {
				details = append(details, d.name+" "+d.value)
			}
		}
		shown[i] = slipTender{t.Type, t.Amount, strings.Join(details, ", ")}
	}
	return shown
}
