package chain

import (
	"bytes"
	"context"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
)

// Sight is a step.View with what signing needs to know of the same block.
type Sight struct {
	step.View
	Safe       uint64   // height; at least Finalized
	BaseFeeWei *big.Int // of the head
	TipWei     *big.Int // the usual one of recent blocks
	BalanceWei *big.Int // of the sender
	CodeIsOurs bool     // the contract is still there

	agreeing []seen // the nodes that have the block, the one that was read from first
}

// read picks a block and a node that has it, and lets do read there. A node that fails is left out for a while.
func (c *Client) read(ctx context.Context, do func(ctx context.Context, from seen, agreeing []seen) error) error {
	agreeing, err := c.latest(ctx)
	if err != nil {
		return err
	}
	if err := do(ctx, agreeing[0], agreeing); err != nil {
		agreeing[0].node.rest()
		return fault.New(fault.Transient, "read the chain from node %d: %w", agreeing[0].node.number, err)
	}
	return nil
}

func (c *Client) viewer(from seen, contract common.Address) viewer {
	return viewer{node: from.node.Client, at: from.head.Hash(), head: from.head.Number.Uint64(), contract: contract, abi: c.contract}
}

func (c *Client) sightOf(agreeing []seen) Sight {
	from := agreeing[0]
	s := Sight{BaseFeeWei: from.head.BaseFee, agreeing: agreeing}
	s.Sure = c.most(len(agreeing))
	s.Head = step.Block{Number: from.head.Number.Uint64(), Hash: from.head.Hash()}
	return s
}

// Look reads the chain at one block, for a contract, its anchorer and the open batches. Errors are Transient; a chain without
// EIP-1559 is Invalid.
func (c *Client) Look(ctx context.Context, contract, sender common.Address, open []step.Batch) (s Sight, err error) {
	err = c.read(ctx, func(ctx context.Context, from seen, agreeing []seen) (err error) {
		s = c.sightOf(agreeing)
		v := c.viewer(from, contract)
		if err = errors.Join(v.code(ctx, &s.CodeIsOurs), v.account(ctx, sender, &s)); err != nil {
			return err
		}
		if s.Finalized, s.Safe, err = c.settledHeights(ctx, agreeing); err != nil {
			return err
		}
		if s.CodeIsOurs { // after the heights: a reorg in between must show in the blocks
			err = v.batches(ctx, open, &s.View)
		}
		return err
	})
	return s, errors.Join(err, s.check(err))
}

// check refuses a chain that no fee could be made for.
func (s Sight) check(err error) error {
	if err == nil && s.BaseFeeWei == nil {
		return fault.New(fault.Invalid, "WEB3_PROVIDER: the chain has no EIP-1559 base fee")
	}
	return nil
}

// LookForCode reads what NextDeploy wants to know; contract may be zero.
func (c *Client) LookForCode(ctx context.Context, contract, sender common.Address) (d step.DeployView, s Sight, err error) {
	err = c.read(ctx, func(ctx context.Context, from seen, agreeing []seen) error {
		s = c.sightOf(agreeing)
		v := c.viewer(from, contract)
		code, err := from.node.CodeAtHash(ctx, contract, v.at)
		if err != nil {
			return hide(err)
		}
		d.Code, d.Matches = len(code) > 0, bytes.Equal(code, binding.RuntimeCode())
		return v.account(ctx, sender, &s)
	})
	d.Sender, d.Nonce, d.Head, d.Sure = sender, s.Nonce, s.Head.Number, s.Sure
	return d, s, errors.Join(err, s.check(err))
}
