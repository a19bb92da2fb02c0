package record

import (
	"encoding/json"
	"strconv"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/sale"
)

// Answer is the body of a 201, with the members of infra/docs/CONTRACT.md, 2.3.
type Answer struct {
	SaleID       string    `json:"sale_id"`
	Kind         sale.Kind `json:"kind"`
	StoreID      string    `json:"store_id"`
	TerminalID   string    `json:"terminal_id"` // with its series, as it is hashed
	RecordedAt   string    `json:"recorded_at"`
	Currency     string    `json:"currency"`
	Total        string    `json:"total"`
	Loyalty      *Loyalty  `json:"loyalty"`                // null for a guest
	Unreferenced bool      `json:"unreferenced,omitempty"` // a return without a receipt
	Warnings     []Warning `json:"warnings,omitempty"`
	RecordNumber uint64    `json:"record_number"`
	PreviousHash string    `json:"previous_hash"`
	Anchor       Anchor    `json:"anchor"`
	Promise      string    `json:"promise,omitempty"` // the shop's signed word, a compact JWS; records of before there were promises have none
	ReceiptURL   string    `json:"receipt_url"`
}

// Loyalty is what a record did to its customer's account. On a refund points_earned is minus the claw, points_redeemed
// minus the return, and purchase_number 0.
type Loyalty struct {
	CustomerID     string `json:"customer_id"`
	PurchaseNumber int64  `json:"purchase_number"`
	FirstPurchase  bool   `json:"first_purchase"`
	PointsEarned   int64  `json:"points_earned"`
	PointsRedeemed int64  `json:"points_redeemed"`
	PointsBalance  int64  `json:"points_balance"`
	Shortfall      int64  `json:"shortfall,omitempty"` // points that were redeemed offline beyond the balance
}

// Warning is what a till should know of a record that is recorded all the same.
type Warning struct {
	Code   refusal.Code `json:"code"`
	SaleID string       `json:"sale_id"` // the earlier record concerned
}

// Anchor is how far the record's proof has come. What is not known yet is left out.
type Anchor struct {
	Status      string `json:"status"`
	Reason      string `json:"reason,omitempty"` // why it is parked
	SaleHash    string `json:"sale_hash"`
	ProofURL    string `json:"proof_url"`
	BatchID     string `json:"batch_id,omitempty"`
	TxHash      string `json:"tx_hash,omitempty"`
	BlockNumber string `json:"block_number,omitempty"`
}

// usualAnswer is room for almost every answer.
const usualAnswer = 1536

// Bytes writes the answer as json.Marshal does, in a third of the time: this is done for each sale while others wait for its locks.
func (a *Answer) Bytes() []byte {
	out := make([]byte, 0, usualAnswer)
	out = appendText(append(out, `{"sale_id":`...), a.SaleID)
	out = appendText(append(out, `,"kind":`...), string(a.Kind))
	out = appendText(append(out, `,"store_id":`...), a.StoreID)
	out = appendText(append(out, `,"terminal_id":`...), a.TerminalID)
	out = appendText(append(out, `,"recorded_at":`...), a.RecordedAt)
	out = appendText(append(out, `,"currency":`...), a.Currency)
	out = appendText(append(out, `,"total":`...), a.Total)
	out = a.Loyalty.appendTo(append(out, `,"loyalty":`...))
	if a.Unreferenced {
		out = append(out, `,"unreferenced":true`...)
	}
	if len(a.Warnings) > 0 {
		out = append(out, `,"warnings":[`...)
		for i, w := range a.Warnings {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendText(append(out, `{"code":`...), string(w.Code))
			out = append(appendText(append(out, `,"sale_id":`...), w.SaleID), '}')
		}
		out = append(out, ']')
	}
	out = strconv.AppendUint(append(out, `,"record_number":`...), a.RecordNumber, 10)
	out = appendText(append(out, `,"previous_hash":`...), a.PreviousHash)
	out = appendText(append(out, `,"anchor":{"status":`...), a.Anchor.Status)
	out = appendText(append(out, `,"sale_hash":`...), a.Anchor.SaleHash)
	out = appendText(append(out, `,"proof_url":`...), a.Anchor.ProofURL)
	out = appendText(append(out, `},"promise":`...), a.Promise)
	out = appendText(append(out, `,"receipt_url":`...), a.ReceiptURL)
	return append(out, '}')
}

func (l *Loyalty) appendTo(out []byte) []byte {
	if l == nil {
		return append(out, "null"...)
	}
	out = appendText(append(out, `{"customer_id":`...), l.CustomerID)
	out = strconv.AppendInt(append(out, `,"purchase_number":`...), l.PurchaseNumber, 10)
	out = strconv.AppendBool(append(out, `,"first_purchase":`...), l.FirstPurchase)
	out = strconv.AppendInt(append(out, `,"points_earned":`...), l.PointsEarned, 10)
	out = strconv.AppendInt(append(out, `,"points_redeemed":`...), l.PointsRedeemed, 10)
	out = strconv.AppendInt(append(out, `,"points_balance":`...), l.PointsBalance, 10)
	if l.Shortfall != 0 {
		out = strconv.AppendInt(append(out, `,"shortfall":`...), l.Shortfall, 10)
	}
	return append(out, '}')
}

// appendText writes a JSON string. The texts of most answers need no escape.
func appendText(out []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			escaped, err := json.Marshal(text)
			if err != nil {
				panic("record: a text could not be encoded: " + err.Error()) // it always can
			}
			return append(out, escaped...)
		}
	}
	return append(append(append(out, '"'), text...), '"')
}

// Kept is what is stored under a used key.
type Kept struct {
	Fingerprint Fingerprint
	Answer      []byte // the 201's bytes
}

// Replay is the kept answer for the same record, and a refusal for any other.
func (k Kept) Replay(other Fingerprint) ([]byte, error) {
	if k.Fingerprint != other {
		return nil, refusal.New(refusal.KeyReused, "this Idempotency-Key has been used for another record")
	}
	return k.Answer, nil
}
