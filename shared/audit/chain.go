package audit

import (
	"context"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Chain is what an audit asks of a chain: whoever audits brings nodes of their own.
type Chain interface {
	// Log is a contract's log at one finalized block: how many batches it has, and their root. ErrOtherChain: the contract is on another chain.
	Log(ctx context.Context, chainID string, contract common.Address) (Log, error)
	// Batches calls do with each batch that the contract's events have announced up to the block of Log, in the order of their ids.
	Batches(ctx context.Context, chainID string, contract common.Address, fromBlock uint64, at Log, do func(Announced) error) error
}

// Log is a contract's log as one block shows it.
type Log struct {
	Size      uint64
	Root      common.Hash
	Block     uint64
	Time      time.Time // of the block; zero where it is the chain's first one
	OtherCode bool      // what is there is not SaleAnchor: its log says nothing
}

// Announced is a batch as the contract's event has it.
type Announced struct {
	ID   uint64
	Root common.Hash
	Size uint32
}
