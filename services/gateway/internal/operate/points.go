package operate

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

func (d *Desk) pointsAdjust() stream.Endpoint {
	return stream.AnswersBody[record.Adjustment, record.Answer](stream.Endpoint{
		Subject: "ops.gateway.points.adjust",
		Description: "Corrects a customer's points: adds points, or takes them away when they are negative, but never below zero. It is a record of kind " +
			"adjustment at the reserved terminal operator, chained, promised and anchored like any other; its answer is that of POST /record. " +
			"key is a UUID v4, new for each adjustment: send the same request again after an error, or when no answer came, and it is made once. " +
			"by is who does it.",
		Request: `{"key":"0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b","customer_id":"C-1001","points":-50,"reason":"typed in twice","by":"asha"}`,
		Response: `{"sale_id":"01a1f94f-e264-7599-97ba-9d8ea7e314e5","kind":"adjustment","store_id":"operator","terminal_id":"operator",` +
			`"recorded_at":"2026-11-22T04:45:31.123456Z","currency":"XXX","total":"0","loyalty":{"customer_id":"C-1001","purchase_number":0,` +
			`"first_purchase":false,"points_earned":-50,"points_redeemed":0,"points_balance":93},"record_number":7,"previous_hash":"0x…",` +
			`"anchor":{"status":"pending","sale_hash":"0x…","proof_url":"/sales/01a1f94f-e264-7599-97ba-9d8ea7e314e5/proof"},"promise":"…","receipt_url":"…"}`,
	}, d.adjustPoints)
}

// adjustPoints records an adjustment, whose request is the body as it came.
func (d *Desk) adjustPoints(_ context.Context, body []byte) (any, error) {
	key, rec, err := record.DecodeAdjustment(bytes.Clone(body))
	if err != nil {
		return nil, asFault(err)
	}
	answer, _, err := d.record(commit.Item{TerminalID: sale.Operator, StoreID: sale.Operator, Key: key, Record: rec}, "")
	if err != nil {
		return nil, asFault(err)
	}
	return json.RawMessage(answer), nil
}

// asFault is what an operator reads of a refusal.
func asFault(err error) error {
	why := refusal.Of(err)
	switch {
	case why == nil:
		return err
	case why.RetryAfter > 0:
		return fault.New(fault.Transient, "record an adjustment: %w", why)
	case why.Code == refusal.KeyReused, why.Code == refusal.Altered:
		return fault.New(fault.Conflict, "%s: %s", why.Code, why.Sentence())
	}
	return fault.New(fault.Invalid, "%s: %s", why.Code, why.Sentence())
}
