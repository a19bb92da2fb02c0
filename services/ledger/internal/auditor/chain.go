package auditor

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// nodes are those of WEB3_PROVIDER.
type nodes struct{ *node.Set } // an audit.Chain: contracts stands alone, and so its package knows nothing of audits

// dial connects to those that answer.
func dial(ctx context.Context, provider config.Secret) (nodes, error) {
	set, err := node.DialSome(ctx, provider.Reveal())
	if set == nil {
		return nodes{}, fault.New(fault.Transient, "WEB3_PROVIDER: %w", err) // which shows no URL
	}
	return nodes{set}, nil
}

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
