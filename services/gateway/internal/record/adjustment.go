package record

import (
	"strings"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Adjustment is what an operator sends to correct a customer's points; all members must be there.
type Adjustment struct {
	Key        string `json:"key"`         // UUID v4, the same for each retry
	CustomerID string `json:"customer_id"` //
	Points     int64  `json:"points"`      // to add; below zero to take away
	Reason     string `json:"reason"`      // at most 500 characters
	By         string `json:"by"`          // who does it, at most 64 characters
}

// DecodeAdjustment reads an Adjustment as a record of kind adjustment, and the key that it is recorded under. It has no currency, and its total
// is 0. body must not change afterwards. The error is a refusal.
func DecodeAdjustment(body []byte) (uuid.UUID, Record, error) {
	v, err := strictjson.Parse(body)
	if err != nil {
		return uuid.Nil, Record{}, refusal.New(refusal.MalformedJSON, err.Error())
	}
	r := &reader{}
	none, err := money.ParseRecorded(money.NoCurrency)
	if err != nil {
		return uuid.Nil, Record{}, err
	}
	rec := Record{Kind: sale.KindAdjustment, Currency: none}
	key := r.adjustment(v, &rec)
	if err := r.refused(); err != nil {
		return uuid.Nil, Record{}, err
	}
	rec.Raw, rec.Hash, rec.Fingerprint = body, sale.Keccak(body), fingerprint(v, len(body))
	return key, rec, nil
}

func (r *reader) adjustment(v *strictjson.Value, rec *Record) (key uuid.UUID) {
	if v.Kind != strictjson.Object {
		r.refuse("", "must be an object, not "+v.Kind.String())
		return key
	}
	r.known(v, "", "key", "customer_id", "points", "reason", "by")
	if text, ok := r.needed(v, "key"); ok {
		if key, ok = parseBareKey(text); !ok {
			r.refuse("/key", "must be a UUID v4 that is new for each adjustment and the same for each retry")
		}
	}
	if _, ok := r.needed(v, "customer_id"); ok {
		rec.CustomerID = r.customer(v)
	}
	rec.Points = r.points(v)
	r.said(v, "reason", maxLongText)
	r.said(v, "by", maxShortText)
	return key
}

// said requires a text that is not blank.
func (r *reader) said(v *strictjson.Value, name string, limit int) {
	if v.Member(name) == nil {
		r.refuse("/"+name, "is missing")
	}
	r.filled(v, "", name, limit)
}

func (r *reader) points(v *strictjson.Value) int64 {
	m := v.Member("points")
	if m == nil {
		r.refuse("/points", "is missing")
		return 0
	}
	digits, negative := strings.CutPrefix(m.Text, "-")
	n, ok := strictjson.Integer(digits)
	if m.Kind != strictjson.Number || !ok || n == 0 {
		r.refuse("/points", "must be a whole number other than 0, such as -50, of at most 2^53 - 1 either way")
	}
	if negative {
		return -n
	}
	return n
}
