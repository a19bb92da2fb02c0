package event

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/sale"
)

// Subjects of reads: NATS requests that the ledger answers (infra/docs/CONTRACT.md, 6.5).
const (
	SubjectSalesGet  = "ledger.sales.get"
	SubjectProofsGet = "ledger.proofs.get"
)

// SaleQuery asks about one sale.
type SaleQuery struct {
	SaleID string `json:"sale_id"`
}

// SaleStatus is how far a sale has come: pending, batched, broadcast, mined or final. What is not known yet is left out.
type SaleStatus struct {
	SaleID      string       `json:"sale_id"`
	Status      string       `json:"status"`
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
	Rate      ProofRate     `json:"rate"`
	Leaf      common.Hash   `json:"leaf"`
	Proof     []common.Hash `json:"proof"` // siblings from the leaf up
	Batch     ProofBatch    `json:"batch"`
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

// ProofChain is where the root is anchored.
type ProofChain struct {
	ChainID     string      `json:"chain_id"`
	Contract    string      `json:"contract"` // EIP-55
	TxHash      common.Hash `json:"tx_hash"`
	BlockNumber string      `json:"block_number"`
	BlockHash   common.Hash `json:"block_hash"`
	Finality    string      `json:"finality"` // mined | final
}
