package audit

import (
	"encoding/json"

	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// sent is what of a request stands in the record too.
type sent struct {
	Kind        sale.Kind   `json:"kind"`
	Currency    string      `json:"currency"`
	Total       string      `json:"total"`
	CustomerID  string      `json:"customer_id"`
	RefundOf    string      `json:"refund_of"`
	OccurredAt  string      `json:"occurred_at"`
	TerminalSeq json.Number `json:"terminal_seq"`
	ExternalRef string      `json:"external_ref"`
}

// differs names the field of a till's record that is not what was sent; "" for none. The shop's own records have requests of other forms.
func (r *row) differs() string {
	f := &r.Facts
	if f.Kind != sale.KindSale && f.Kind != sale.KindRefund {
		return ""
	}
	var s sent
	if json.Unmarshal(r.Request, &s) != nil {
		return "the request"
	}
	if s.Kind == "" {
		s.Kind = sale.KindSale
	}
	seq, hasSeq := int64(0), s.TerminalSeq != ""
	if hasSeq {
		seq, _ = strictjson.Integer(s.TerminalSeq.String())
	}
	switch {
	case s.Kind != f.Kind:
		return "kind"
	case s.Currency != f.Currency:
		return "currency"
	case !sameTotal(f.Currency, s.Total, f.Total):
		return "total"
	case f.RefundOf == "" && s.CustomerID != f.CustomerID: // a refund's is its sale's
		return "customer_id"
	case s.RefundOf != "" && s.RefundOf != f.RefundOf:
		return "refund_of"
	case s.OccurredAt != r.occurredAt:
		return "occurred_at"
	case hasSeq != (r.terminalSeq != nil) || hasSeq && seq != *r.terminalSeq:
		return "terminal_seq"
	case s.ExternalRef != r.externalRef:
		return "external_ref"
	}
	return ""
}

func sameTotal(code, sent, kept string) bool {
	c, err := money.ParseRecorded(code)
	if err != nil {
		return false
	}
	m, err := c.Parse(sent)
	return err == nil && c.Format(m) == kept
}

// hint says which field of a record that was altered is not what its own request and answer say, where one of them tells.
func (r *row) hint() string {
	if differs := r.differs(); differs != "" {
		return ": " + differs + " is not what the till sent"
	}
	if r.CheckAnswer(r.answer) != nil {
		return ": nor is it what the stored answer says"
	}
	return ""
}
