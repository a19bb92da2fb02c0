package operate

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Limits of what is kept of a decision, in characters.
const (
	maxOperator = 64
	maxReason   = 500
)

// Acceptance is an operator's word that a rate is true.
type Acceptance struct {
	Currency string `json:"currency"`
	Value    string `json:"value"` // fiat per ETH
	Operator string `json:"operator"`
	Reason   string `json:"reason"`
}

// Accepted is the answer to it.
type Accepted struct {
	Currency string `json:"currency"`
	Value    string `json:"value"`
	Before   string `json:"before,omitempty"` // the reference until now; absent when there was none
}

func (d *Desk) accept(ctx context.Context, ask Acceptance) (Accepted, error) {
	currency, err := money.ParseCurrency(ask.Currency)
	if err != nil {
		return Accepted{}, fault.New(fault.Invalid, "currency: %w", err)
	}
	value, err := money.ParseDecimal(ask.Value)
	if err != nil {
		return Accepted{}, fault.New(fault.Invalid, "value %w", err)
	}
	if err := worded("operator", ask.Operator, maxOperator); err != nil {
		return Accepted{}, err
	}
	if err := worded("reason", ask.Reason, maxReason); err != nil {
		return Accepted{}, err
	}
	before, err := d.Journal.AcceptRate(ctx, currency, value, ask.Operator, ask.Reason)
	if err != nil {
		return Accepted{}, err
	}
	d.Log.Warn("an operator accepted a rate", "currency", currency.Code(), "value", value.String(), "before", before, "operator", ask.Operator)
	return Accepted{Currency: currency.Code(), Value: value.String(), Before: before}, nil
}

// worded checks a text of an operator's against the limits of what is kept.
func worded(name, text string, limit int) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fault.New(fault.Invalid, "%s is missing", name)
	case utf8.RuneCountInString(text) > limit:
		return fault.New(fault.Invalid, "%s is longer than %d characters", name, limit)
	case strings.ContainsFunc(text, unicode.IsControl):
		return fault.New(fault.Invalid, "%s has a control character", name)
	}
	return nil
}
