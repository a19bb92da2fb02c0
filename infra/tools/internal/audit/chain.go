package audit

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/audit"
)

// nodes are those of the auditor.
type nodes struct{ *node.Set } // an audit.Chain: contracts stands alone, and so its package knows nothing of audits

// Log reads a contract's log.
func (n nodes) Log(ctx context.Context, chainID string, contract common.Address) (audit.Log, error) {
	if !n.Has(chainID) {
		return audit.Log{}, audit.ErrOtherChain
	}
	log, err := n.FinalLog(ctx, chainID, contract)
	return audit.Log(log), err
}

// Batches reads a contract's events.
func (n nodes) Batches(ctx context.Context, chainID string, contract common.Address, from uint64, at audit.Log, do func(audit.Announced) error) error {
	return n.Set.Batches(ctx, chainID, contract, from, node.Log(at), func(b node.Announced) error { return do(audit.Announced(b)) })
}
