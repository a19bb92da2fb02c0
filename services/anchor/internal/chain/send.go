package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/shared/fault"
)

// Dry runs a transaction, with the gas that it would have, at the block of a Sight without sending it; to is nil for a deploy.
// If it would revert according to most of the configured nodes, the error is Fatal and gives the reason. If the node can't try it, or
// too few nodes report the revert, it is Transient.
func (c *Client) Dry(ctx context.Context, at Sight, from common.Address, to *common.Address, gas uint64, data []byte) error {
	call := ethereum.CallMsg{From: from, To: to, Gas: gas, Data: data}
	first := at.agreeing[0].node
	_, err := first.CallContractAtHash(ctx, call, at.Head.Hash)
	if err == nil {
		return nil
	}
	reason, reverted := revertReason(err)
	if !reverted {
		first.rest()
		return fault.New(fault.Transient, "try the transaction: %w", hide(err))
	}
	reverting := 1
	for _, other := range at.agreeing[1:] {
		_, err := other.node.CallContractAtHash(ctx, call, at.Head.Hash)
		if _, reverts := revertReason(err); reverts {
			reverting++
		}
	}
	if !c.Most(reverting) {
		return fault.New(fault.Transient, "try the transaction: %d of %d nodes report that the contract would refuse it: %s", reverting, len(c.nodes), reason)
	}
	return fault.New(fault.Fatal, "the contract would refuse the transaction: %s", reason)
}

// Broadcast sends signed bytes to every node. An error means that no node accepted them, perhaps for a good reason: it is a hint for
// the log, and what the chain shows at the next check decides.
func (c *Client) Broadcast(ctx context.Context, raw []byte) error {
	var tx types.Transaction
	if err := tx.UnmarshalBinary(raw); err != nil {
		return fault.New(fault.Fatal, "the journaled bytes are not a transaction: %w", err)
	}
	refused := 0
	errs := each(ctx, c.nodes, func(ctx context.Context, _ int, n *node) error {
		if err := n.SendTransaction(ctx, &tx); err != nil {
			return fmt.Errorf("node %d: %w", n.number, hide(err))
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			refused++
		}
	}
	if refused < len(c.nodes) {
		return nil
	}
	return errors.Join(errs...)
}
