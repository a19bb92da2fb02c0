package event

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/sale"
)

// Subjects of reads: NATS requests that the ledger and pricing answer (infra/docs/CONTRACT.md, 6.5).
const (
	SubjectSalesGet  = "ledger.sales.get"
	SubjectProofsGet = "ledger.proofs.get"
	SubjectLogGet    = "ledger.log.get"
	// SubjectCurrenciesGet is answered by pricing.
	SubjectCurrenciesGet = "pricing.currencies.get"
)

// Codes of why there is no proof, beside its batch being in no block yet, which has none.
const (
	CodeParked  = "PARKED"         // an operator must act
	CodeAltered = "RECORD_ALTERED" // what is stored was changed behind the services' back
)

// CurrenciesQuery asks which currencies have a rate.
type CurrenciesQuery struct{}

// PricedCurrencies are the currencies that a sale would be priced in now, by code. A sale of more than 0 in another one is parked.
type PricedCurrencies struct {
	Currencies []PricedCurrency `json:"currencies"`
	At         string           `json:"at"` // RFC 3339 UTC, by the clock of the replica that answered
}

// PricedCurrency is a currency with the rate that its sales would be priced at.
type PricedCurrency struct {
	Currency   string `json:"currency"`
	Tier       string `json:"tier"`        // live | cached | static
	Value      string `json:"value"`       // fiat per ETH
	ObservedAt string `json:"observed_at"` // RFC 3339 UTC
	// ExpiresAt is when the rate ends unless a newer one comes first, RFC 3339 UTC; absent for one that holds for ever.
	ExpiresAt string `json:"expires_at,omitempty"`
}

// SaleQuery asks about one sale.
type SaleQuery struct {
	SaleID string `json:"sale_id"`
}

// SaleStatus is how far a sale has come: pending, parked, batched, broadcast, mined or final. What is not known yet is left out.
type SaleStatus struct {
	SaleID      string       `json:"sale_id"`
	Status      string       `json:"status"`
	Reason      string       `json:"reason,omitempty"` // why it is parked
	BatchID     string       `json:"batch_id,omitempty"`
	TxHash      *common.Hash `json:"tx_hash,omitempty"`
	BlockNumber string       `json:"block_number,omitempty"`
}

// Proof is a sale's receipt: everything a third party needs to recompute the root and ask the chain for it (infra/docs/CONTRACT.md, 4.4).
// Integers are strings.
type Proof struct {
	Sale      sale.Sale     `json:"sale"`
	Request   []byte        `json:"request"` // the record as received, base64
	SaleHash  common.Hash   `json:"sale_hash"`
	AmountWei string        `json:"amount_wei"`
	Rate      *ProofRate    `json:"rate"` // null exactly when the total is 0
	Leaf      common.Hash   `json:"leaf"`
	Proof     []common.Hash `json:"proof"` // siblings from the leaf up
	Batch     ProofBatch    `json:"batch"`
	Log       ProofLog      `json:"log"`
	Promise   string        `json:"promise"` // of the record, a compact JWS; "" for one of before there were promises
	Chain     ProofChain    `json:"chain"`
}

// ProofRate is the rate of the conversion, with the names of its sources.
type ProofRate struct {
	Value      string   `json:"value"` // fiat per ETH
	Currency   string   `json:"currency"`
	Tier       string   `json:"tier"`
	Sources    []string `json:"sources"`
	ObservedAt string   `json:"observed_at"`
}

// ProofBatch is the batch that holds the leaf.
type ProofBatch struct {
	ID        string      `json:"id"`
	Root      common.Hash `json:"root"`
	Size      string      `json:"size"`
	LeafIndex string      `json:"leaf_index"` // in ascending order of leaves, from 0
}

// ProofLog is the batch's inclusion in the contract's log of batches as it was when the proof was made (RFC 9162, section 2.1.3.1). A
// proof ages only in this: as batches follow, the path to the contract's present root grows.
type ProofLog struct {
	Size string        `json:"size"` // batches in the log
	Root common.Hash   `json:"root"`
	Path []common.Hash `json:"path"` // siblings from the batch's entry up
}

// ProofChain is where the root is anchored.
type ProofChain struct {
	ChainID       string      `json:"chain_id"`
	Contract      string      `json:"contract"` // EIP-55
	TxHash        common.Hash `json:"tx_hash"`
	BlockNumber   string      `json:"block_number"`
	BlockHash     common.Hash `json:"block_hash"`
	DeployedBlock string      `json:"deployed_block"` // the contract has no events before it
	Finality      string      `json:"finality"`       // mined | final
}

// LogQuery asks for a contract's log, or with a BatchID for a batch in it. Integers are strings, as in the answer.
type LogQuery struct {
	Contract string `json:"contract,omitempty"` // the present deployment's when left out
	BatchID  string `json:"batch_id,omitempty"`
	Size     string `json:"size,omitempty"` // the log as it was with so many batches; as it is now when left out
}

// LogAnswer answers a LogQuery. Without a BatchID there is neither Batch nor a path.
type LogAnswer struct {
	Batch *LogBatch `json:"batch,omitempty"`
	Log   LogHead   `json:"log"`
	Chain LogChain  `json:"chain"`
	Fixed bool      `json:"fixed"` // for good: the size was given, and all these batches are final
}

// LogBatch is an entry of the log.
type LogBatch struct {
	ID      string      `json:"id"`
	Root    common.Hash `json:"root"`
	Size    string      `json:"size"`
	Foreign bool        `json:"foreign,omitempty"` // of another's making, by its event: none of the shop's sales stand in it
}

// LogHead is a log of some size; Root is zero while there is no batch.
type LogHead struct {
	Size string        `json:"size"`
	Root common.Hash   `json:"root"`
	Path []common.Hash `json:"path,omitempty"` // empty, and so left out, for the only batch
}

// LogChain is where the log is kept.
type LogChain struct {
	ChainID       string `json:"chain_id"`
	Contract      string `json:"contract"`       // EIP-55
	DeployedBlock string `json:"deployed_block"` // it has no events before this block
}
