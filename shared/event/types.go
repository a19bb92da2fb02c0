// Package event has the only wire types: what the services publish to each other and the world over NATS (infra/docs/CONTRACT.md, 6).
// Within v1 changes only add. Wei are decimal strings, other integers numbers, hashes 0x-hex.
package event

import (
	"encoding/json"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// Line is one line of a receipt, each value as the till wrote it (infra/docs/CONTRACT.md, 2.2).
type Line struct {
	Type        LineType `json:"type,omitempty"` // absent: an item
	SKU         string   `json:"sku,omitempty"`
	Name        string   `json:"name,omitempty"`
	Quantity    string   `json:"quantity,omitempty"`
	UnitPrice   string   `json:"unit_price,omitempty"`
	Discount    string   `json:"discount,omitempty"`
	TaxIncluded bool     `json:"tax_included,omitempty"`
	Tax         string   `json:"tax,omitempty"` // one sum; absent where there are Taxes
	Taxes       []Tax    `json:"taxes,omitempty"`
	Amount      string   `json:"amount,omitempty"` // what the line adds to the total
}

// LineType says what a line is of.
type LineType string

// The types of line.
const (
	LineItem          LineType = "item"
	LineReturn        LineType = "return"
	LineDiscount      LineType = "discount"
	LineTip           LineType = "tip"
	LineServiceCharge LineType = "service_charge"
	LineShipping      LineType = "shipping"
	LineGiftCard      LineType = "gift_card"
	LineDeposit       LineType = "deposit"
	LineRounding      LineType = "rounding"
)

// LineTypes are all types of line.
var LineTypes = []LineType{
	LineItem, LineReturn, LineDiscount, LineTip, LineServiceCharge, LineShipping, LineGiftCard, LineDeposit, LineRounding,
}

// Tax is one of a line's taxes.
type Tax struct {
	Name   string `json:"name,omitempty"`
	Rate   string `json:"rate,omitempty"` // per cent
	Amount string `json:"amount"`
}

// Tender is one means of payment.
type Tender struct {
	Type      string `json:"type"`
	Amount    string `json:"amount"`
	Tendered  string `json:"tendered,omitempty"` // handed over
	Change    string `json:"change,omitempty"`   // and given back: tendered − amount
	Reference string `json:"reference,omitempty"`
}

// Sent is what an event repeats of a record as it was received. What it did not have is left out.
type Sent struct {
	Lines       []Line            `json:"lines,omitempty"`
	Tenders     []Tender          `json:"tenders,omitempty"`
	OccurredAt  string            `json:"occurred_at,omitempty"`  // RFC 3339, by the till's clock
	TerminalSeq *int64            `json:"terminal_seq,omitempty"` // the till's own number
	Offline     bool              `json:"offline,omitempty"`      // recorded by the till while it could not ask
	ExternalRef string            `json:"external_ref,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// SaleRecorded announces a committed record. Absent members are left out: a guest has no loyalty, a sale no refund_of.
type SaleRecorded struct {
	SaleID         string      `json:"sale_id"`             // UUID v7
	Kind           string      `json:"kind"`                // sale | refund | adjustment | key
	RefundOf       string      `json:"refund_of,omitempty"` // a refund's sale; absent for a return without a receipt
	StoreID        string      `json:"store_id"`
	TerminalID     string      `json:"terminal_id"` // from the second series on with the series behind it, such as t1~2
	CustomerID     string      `json:"customer_id,omitempty"`
	Currency       string      `json:"currency"` // ISO 4217
	Total          string      `json:"total"`    // canonical form
	PointsDelta    int64       `json:"points_delta"`
	PointsBalance  int64       `json:"points_balance"`
	PurchaseNumber uint64      `json:"purchase_number"`
	RecordedAt     string      `json:"recorded_at"`   // RFC 3339 UTC, microseconds
	RecordNumber   uint64      `json:"record_number"` // at the terminal, dense from 1
	PreviousHash   common.Hash `json:"previous_hash"` // sale_hash of the terminal's record before; zero for the first
	SaleHash       common.Hash `json:"sale_hash"`
	Sent
	PointsEarned   int64 `json:"points_earned"`   // on a refund minus what is clawed back
	PointsRedeemed int64 `json:"points_redeemed"` // and minus what is returned
}

// RateSource is what one source answered.
type RateSource struct {
	Name       string `json:"name"`
	Value      string `json:"value"`                // fiat per ETH, as the source wrote it
	ObservedAt string `json:"observed_at"`          // RFC 3339 UTC
	FetchedAt  string `json:"fetched_at,omitempty"` // RFC 3339 UTC: when it was asked; absent for a rate that a person set
}

// Rate is the price that a sale was converted at, with where it came from.
type Rate struct {
	ID         string       `json:"id"`    // the same id is the same rate, in every field
	Value      string       `json:"value"` // fiat per ETH
	Currency   string       `json:"currency"`
	Tier       string       `json:"tier"` // live | cached | static
	Sources    []RateSource `json:"sources"`
	ObservedAt string       `json:"observed_at"` // RFC 3339 UTC
}

// SalePriced is a SaleRecorded with its amount in wei.
type SalePriced struct {
	SaleRecorded
	AmountWei string `json:"amount_wei"`
	Rate      *Rate  `json:"rate,omitempty"` // absent exactly when the total is 0, which is worth 0 wei at any rate
}

// SaleAnchored announces that a sale's batch has reached ANCHOR_FINALITY; proof leads from leaf to root.
type SaleAnchored struct {
	SaleID      string        `json:"sale_id"`
	StoreID     string        `json:"store_id"`
	SaleHash    common.Hash   `json:"sale_hash"`
	AmountWei   string        `json:"amount_wei"`
	Leaf        common.Hash   `json:"leaf"`
	Proof       []common.Hash `json:"proof"`
	Deployment  int64         `json:"deployment"`
	BatchID     uint64        `json:"batch_id"`
	LeafIndex   int           `json:"leaf_index"`
	Root        common.Hash   `json:"root"`
	ChainID     uint64        `json:"chain_id"`
	Contract    string        `json:"contract"` // EIP-55
	TxHash      common.Hash   `json:"tx_hash"`
	BlockNumber uint64        `json:"block_number"`
	BlockHash   common.Hash   `json:"block_hash"`
	Finality    string        `json:"finality"` // latest | safe | finalized
}

// BatchState is a state in a batch's life, and the last token of its event's subject.
type BatchState string

// The states, in order; a reorged batch goes back to broadcast or mined.
const (
	BatchSealed    BatchState = "sealed"
	BatchBroadcast BatchState = "broadcast"
	BatchMined     BatchState = "mined"
	BatchReorged   BatchState = "reorged"
	BatchFinal     BatchState = "final"
)

// Batch announces a batch's new state. What is not known yet is left out.
type Batch struct {
	BatchID     uint64       `json:"batch_id"`
	Deployment  int64        `json:"deployment"`
	Root        common.Hash  `json:"root"`
	Size        int          `json:"size"`
	State       BatchState   `json:"state"`
	TxHash      *common.Hash `json:"tx_hash,omitempty"`
	Nonce       *uint64      `json:"nonce,omitempty"`
	BlockNumber *uint64      `json:"block_number,omitempty"`
	BlockHash   *common.Hash `json:"block_hash,omitempty"`
	Sequence    int64        `json:"sequence"` // of the anchor's journal: the higher one is the later one
	At          string       `json:"at"`       // RFC 3339 UTC
}

// AuditFinding announces something that the ledger's audit found and that is not as it should be: by ids, and without a customer's data but the
// customer's id. What does not apply is left out.
type AuditFinding struct {
	Finding    string `json:"finding"` // its id, the same each time that it is found
	Run        int64  `json:"run"`     // the audit that found it: ops.ledger.audit.status
	Kind       string `json:"kind"`    // as infra/docs/AUDITING.md lists them
	SaleID     string `json:"sale_id,omitempty"`
	TerminalID string `json:"terminal_id,omitempty"` // with its series
	Number     uint64 `json:"number,omitempty"`      // record_number, closing_number or the entry's
	CustomerID string `json:"customer_id,omitempty"`
	Deployment int64  `json:"deployment,omitempty"`
	BatchID    uint64 `json:"batch_id,omitempty"`
	Detail     string `json:"detail"`
	FoundAt    string `json:"found_at"` // RFC 3339 UTC: the first time since it was last not found
}

// Parked is a message that its service can't handle, and never will unless something changes, with the reason.
type Parked struct {
	Service  string          `json:"service"`
	Reason   string          `json:"reason"`
	Stream   string          `json:"stream"`
	Sequence uint64          `json:"sequence"`
	Subject  string          `json:"subject"`
	SaleID   string          `json:"sale_id,omitempty"` // the ce-subject, when there was one
	Data     json.RawMessage `json:"data,omitempty"`    // the message's body when it is JSON
	Raw      []byte          `json:"raw,omitempty"`     // and in base64 when it is not, or was cut
	Claim    *Claim          `json:"claim,omitempty"`   // of a body that was cut
	Forged   bool            `json:"forged,omitempty"`  // none of the services published it: the sale that it names is not held up
	At       string          `json:"at"`
}

// Claim is what a message says its sale is, so that it can be compared with the committed one. What it lacks is nil.
type Claim struct {
	SaleHash *common.Hash `json:"sale_hash,omitempty"`
	Currency *string      `json:"currency,omitempty"`
	Total    *string      `json:"total,omitempty"`
}

// maxClaimed is how many bytes of a text are claimed: no currency and no amount has as many, and a message must not become too large by them.
const maxClaimed = 255

// ClaimOf reads a message's body; one that can't be read claims nothing.
func ClaimOf(data []byte) (c Claim) {
	if err := json.Unmarshal(data, &c); err != nil {
		return Claim{}
	}
	for _, text := range []*string{c.Currency, c.Total} {
		if text != nil && len(*text) > maxClaimed {
			*text = strings.ToValidUTF8((*text)[:maxClaimed], "")
		}
	}
	return c
}

// The hashes of each type, for Decode.

func (e *SaleRecorded) hashes() []common.Hash { return []common.Hash{e.SaleHash, e.PreviousHash} }

func (e *SaleAnchored) hashes() []common.Hash {
	return append([]common.Hash{e.SaleHash, e.Leaf, e.Root, e.TxHash, e.BlockHash}, e.Proof...)
}

func (e *Batch) hashes() []common.Hash {
	all := []common.Hash{e.Root}
	for _, hash := range []*common.Hash{e.TxHash, e.BlockHash} {
		if hash != nil {
			all = append(all, *hash)
		}
	}
	return all
}
