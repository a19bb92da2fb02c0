// Package record reads what a till sent and checks it against every rule that needs nothing but the record itself. Rules that depend on
// points, on what they are worth or on other records belong to commit.
package record

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// MaxBytes is the largest body of a record (infra/docs/CONTRACT.md, 2.2).
const MaxBytes = 256 << 10

// ErrTooLarge refuses a record of more than MaxBytes.
var ErrTooLarge = refusal.New(refusal.BodyTooLarge, fmt.Sprintf("the record is larger than %d KiB", MaxBytes>>10))

// Mismatch is what TOTALS_MISMATCH says.
const Mismatch = "the amounts don't add up"

// Record is a till's record of a valid form.
type Record struct {
	event.Sent

	Kind         sale.Kind
	Currency     money.Currency
	Total        money.Minor // ≥ 0, of a refund > 0
	CustomerID   string      // "" for a guest, and on a refund that names its sale: the customer is the sale's
	RedeemPoints int64
	Points       int64      // of an adjustment: what it adds
	RefundOf     uuid.UUID  // a refund has either this
	RefundOfKey  uuid.UUID  // or this, or neither: a return without a receipt
	Sums         Sums       // of the lines; nil without lines
	Tendered     *money.Sum // what the tenders add up to; nil without tenders

	Raw         []byte      // as received
	Hash        common.Hash // keccak256 of Raw: the requestHash
	Fingerprint Fingerprint
}

// Unreferenced reports a return without a receipt: a refund that names no sale.
func (r *Record) Unreferenced() bool {
	return r.Kind == sale.KindRefund && r.RefundOf == uuid.Nil && r.RefundOfKey == uuid.Nil
}

// Decode reads a record and keeps body, which must not change afterwards. The error is a refusal: MALFORMED_JSON,
// INVALID_RECORD with every wrong field (at most maxFields of them), or TOTALS_MISMATCH.
func Decode(body []byte) (Record, error) {
	v, err := strictjson.Parse(body)
	if err != nil {
		return Record{}, refusal.New(refusal.MalformedJSON, err.Error())
	}
	r := &reader{}
	rec := r.record(v)
	if err := r.refused(); err != nil {
		return Record{}, err
	}
	rec.Raw, rec.Hash = body, sale.Keccak(body)
	rec.Fingerprint = fingerprint(v, len(body))
	return rec, nil
}

// OfKey is the record of a key that signs promises, whose JWK (RFC 7517) is its request. It has no currency, and its total is 0.
func OfKey(jwk []byte) (Record, error) {
	v, err := strictjson.Parse(jwk)
	if err != nil {
		return Record{}, err
	}
	none, err := money.ParseRecorded(money.NoCurrency)
	return Record{Kind: sale.KindKey, Currency: none, Raw: jwk, Hash: sale.Keccak(jwk), Fingerprint: fingerprint(v, len(jwk))}, err
}

// refused is the refusal of what was read; nil when nothing is wrong with it.
func (r *reader) refused() error {
	switch {
	case len(r.unknown) > 0:
		return refusal.New(refusal.MalformedJSON, "the record has unknown members", r.unknown...)
	case len(r.wrong) > 0:
		return refusal.New(refusal.InvalidRecord, "the record breaks a rule", r.wrong...)
	case r.mismatch != nil:
		return refusal.New(refusal.TotalsMismatch, Mismatch, *r.mismatch)
	}
	return nil
}

func (r *reader) record(v *strictjson.Value) Record {
	var rec Record
	if v.Kind != strictjson.Object {
		r.refuse("", "must be an object, not "+v.Kind.String())
		return rec
	}
	r.known(v, "", "kind", "currency", "total", "customer_id", "redeem_points", "lines", "tenders", "occurred_at", "terminal_seq", "offline",
		"external_ref", "note", "reason", "metadata", "refund_of", "refund_of_key")
	rec.Kind = r.kind(v)
	money := r.amounts(v, &rec)
	rec.OccurredAt = r.occurredAt(v)
	if n, ok := r.integer(v, "terminal_seq"); ok {
		rec.TerminalSeq = &n
	}
	if rec.Offline = r.boolean(v, "", "offline"); rec.Offline && v.Member("occurred_at") == nil {
		r.refuse("/occurred_at", "is missing: a record that was made offline says when")
	}
	if points, ok := r.integer(v, "redeem_points"); ok {
		rec.RedeemPoints = points
	}
	rec.CustomerID = r.customer(v)
	switch rec.Kind {
	case sale.KindRefund:
		r.refund(v, &rec)
	case sale.KindSale:
		r.sale(v)
	case sale.KindKey, sale.KindAdjustment: // no till sends one
	}
	rec.Lines, rec.Sums = r.lines(v, money)
	rec.Tenders, rec.Tendered = r.tenders(v, money)
	rec.ExternalRef = r.filled(v, "", "external_ref", maxShortText)
	for _, name := range []string{"note", "reason"} {
		r.text(v, "", name, maxLongText)
	}
	rec.Metadata = r.metadata(v)
	return rec
}

func (r *reader) kind(v *strictjson.Value) sale.Kind {
	text, present := r.text(v, "", "kind", maxShortText)
	if !present {
		if v.Member("kind") == nil {
			return sale.KindSale
		}
		return ""
	}
	if k := sale.Kind(text); k == sale.KindSale || k == sale.KindRefund {
		return k
	}
	r.refuse("/kind", "must be sale or refund")
	return ""
}

// known notes unknown members.
func (r *reader) known(v *strictjson.Value, at string, names ...string) {
	for _, name := range v.Unknown(names...) {
		if len(r.unknown) < maxFields {
			r.unknown = append(r.unknown, refusal.Field{Pointer: at + "/" + pointerToken(name), Detail: "is not a member of a record"})
		}
	}
}

// sale checks the rules for sales only.
func (r *reader) sale(v *strictjson.Value) {
	for _, name := range []string{"refund_of", "refund_of_key"} {
		if v.Member(name) != nil {
			r.refuse("/"+name, "belongs to a refund")
		}
	}
	if v.Member("redeem_points") != nil && v.Member("customer_id") == nil {
		r.refuse("/redeem_points", "needs a customer_id")
	}
}

// refund checks the rules for refunds only.
func (r *reader) refund(v *strictjson.Value, rec *Record) {
	byID, byKey := v.Member("refund_of") != nil, v.Member("refund_of_key") != nil
	if v.Member("redeem_points") != nil {
		r.refuse("/redeem_points", "does not belong to a refund: the points that go back are the sale's")
	}
	if v.Member("customer_id") != nil && (byID || byKey) {
		r.refuse("/customer_id", "does not belong to a refund that names its sale: the customer is the sale's")
	}
	if byID && byKey {
		r.refuse("/refund_of_key", "is given together with refund_of: give only one")
	}
	if id, ok := r.text(v, "", "refund_of", maxShortText); ok {
		if rec.RefundOf, ok = ParseID(id); !ok {
			r.refuse("/refund_of", "must be a sale_id")
		}
	}
	if key, ok := r.text(v, "", "refund_of_key", maxShortText); ok {
		if rec.RefundOfKey, ok = parseBareKey(key); !ok {
			r.refuse("/refund_of_key", "must be the sale's Idempotency-Key, a UUID v4")
		}
	}
}
