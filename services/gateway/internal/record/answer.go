package record

import (
	"encoding/json"

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
	Loyalty      *Loyalty  `json:"loyalty"` // null for a guest
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
}

// Anchor is how far the record's proof has come. What is not known yet is left out.
type Anchor struct {
	Status      string `json:"status"`
	SaleHash    string `json:"sale_hash"`
	ProofURL    string `json:"proof_url"`
	BatchID     string `json:"batch_id,omitempty"`
	TxHash      string `json:"tx_hash,omitempty"`
	BlockNumber string `json:"block_number,omitempty"`
}

// Bytes writes the answer.
func (a Answer) Bytes() []byte {
	out, err := json.Marshal(a)
	if err != nil {
		panic("record: an answer could not be encoded: " + err.Error()) // only strings, numbers and booleans
	}
	return out
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
