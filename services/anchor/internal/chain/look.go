package chain

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
)

// Sight is a step.View with what signing needs to know at the same block.
type Sight struct {
	step.View
	Safe       uint64   // height; at least Finalized
	BaseFeeWei *big.Int // of the head
	TipWei     *big.Int // the usual one of recent blocks
	BalanceWei *big.Int // of the sender
	CodeIsOurs bool     // the contract is still there

	agreeing []seen // the nodes that have the block, the one that was read from first
}

// read picks a block and the nodes that have it, and lets do read from the first of them. A node that fails is left out for a while.
func (c *Client) read(ctx context.Context, do func(ctx context.Context, agreeing []seen) error) error {
	agreeing, err := c.latest(ctx)
	if err != nil {
		return err
	}
	if err := do(ctx, agreeing); err != nil {
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
	s.Sure = c.Most(len(agreeing))
	s.Head = step.Block{Number: from.head.Number.Uint64(), Hash: from.head.Hash()}
	return s
}

// Look reads the chain at one block, for a contract, its anchorer and the journal's open batches. Errors are Transient; a chain without
// EIP-1559 is Invalid.
func (c *Client) Look(ctx context.Context, contract, sender common.Address, journal step.Journal) (s Sight, err error) {
	err = c.read(ctx, func(ctx context.Context, agreeing []seen) (err error) {
		s, err = c.look(ctx, agreeing, contract, sender, journal)
		return err
	})
	return s, errors.Join(err, s.check(err))
}

// look reads from the first of the nodes that agree.
func (c *Client) look(ctx context.Context, agreeing []seen, contract, sender common.Address, journal step.Journal) (s Sight, err error) {
	s = c.sightOf(agreeing)
	v := c.viewer(agreeing[0], contract)
	if err = errors.Join(v.code(ctx, &s.CodeIsOurs), v.account(ctx, sender, &s)); err != nil {
		return s, err
	}
	if s.Finalized, s.Safe, err = c.finalHeights(ctx, agreeing); err != nil {
		return s, err
	}
	if s.CodeIsOurs { // after the heights: a reorg in between must show in the blocks
		err = v.batches(ctx, journal, &s.View)
	}
	return s, err
}

// Most reports whether n nodes are most of those that have the block.
func (s Sight) Most(n int) bool { return n >= quorum(len(s.agreeing)) }

// Witnesses reads the block of a Sight from the other nodes that have it. Those that fail count for nothing and are left out for a
// while, so that nobody waits for a node that has blocks but does not answer.
func (c *Client) Witnesses(ctx context.Context, s Sight, contract, sender common.Address, journal step.Journal) (others []Sight) {
	for i := 1; i < len(s.agreeing); i++ {
		other, err := c.look(ctx, s.from(i), contract, sender, journal)
		if err != nil {
			s.agreeing[i].node.rest()
			continue
		}
		others = append(others, other)
	}
	return others
}

// from puts another of the agreeing nodes first.
func (s Sight) from(i int) []seen {
	return append([]seen{s.agreeing[i]}, slices.Delete(slices.Clone(s.agreeing), i, i+1)...)
}

// Distrust leaves the node that a Sight was read from out for a while.
func (c *Client) Distrust(s Sight) { s.agreeing[0].node.rest() }

// check refuses a chain without a base fee, for which no fee could be computed.
func (s Sight) check(err error) error {
	if err == nil && s.BaseFeeWei == nil {
		return fault.New(fault.Invalid, "WEB3_PROVIDER: the chain has no EIP-1559 base fee")
	}
	return nil
}

// LookForCode reads what NextDeploy needs; contract may be zero, attempts are those of its deploy transaction.
func (c *Client) LookForCode(
	ctx context.Context, contract, sender common.Address, attempts ...step.Attempt,
) (d step.DeployView, s Sight, err error) {
	err = c.read(ctx, func(ctx context.Context, agreeing []seen) (err error) {
		d, s, err = c.lookForCode(ctx, agreeing, contract, sender, attempts)
		return err
	})
	return d, s, errors.Join(err, s.check(err))
}

func (c *Client) lookForCode(
	ctx context.Context, agreeing []seen, contract, sender common.Address, attempts []step.Attempt,
) (d step.DeployView, s Sight, err error) {
	s = c.sightOf(agreeing)
	v := c.viewer(agreeing[0], contract)
	code, err := v.node.CodeAtHash(ctx, contract, v.at)
	if err != nil {
		return d, s, hide(err)
	}
	if err = v.account(ctx, sender, &s); err != nil {
		return d, s, err
	}
	if len(code) == 0 {
		s.Past, err = v.outcomes(ctx, attempts)
	}
	return step.DeployView{
		Code: len(code) > 0, Matches: bytes.Equal(code, binding.RuntimeCode()), Sender: sender, Nonce: s.Nonce, Head: s.Head.Number, Sure: s.Sure,
		Past: s.Past,
	}, s, err
}

// WitnessesForCode is for LookForCode what Witnesses is for Look.
func (c *Client) WitnessesForCode(
	ctx context.Context, s Sight, contract, sender common.Address, attempts ...step.Attempt,
) (others []step.DeployView) {
	for i := 1; i < len(s.agreeing); i++ {
		other, _, err := c.lookForCode(ctx, s.from(i), contract, sender, attempts)
		if err != nil {
			s.agreeing[i].node.rest()
			continue
		}
		others = append(others, other)
	}
	return others
}
