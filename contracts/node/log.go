package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/contracts/binding"
)

// Log is a contract's log as one finalized block shows it.
type Log struct {
	Size      uint64 // batches in it
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

// FinalLog reads a contract's log at the finalized block; it is empty where the contract was deployed since.
func (n *Node) FinalLog(ctx context.Context, contract common.Address) (Log, error) {
	at, err := n.Block(ctx, "finalized")
	if err == nil && at == nil {
		err = errors.New("the node shows no finalized block")
	}
	if err != nil {
		return Log{}, err
	}
	final := Log{Block: at.Number}
	if at.Number > 0 {
		final.Time = time.Unix(int64(at.Time), 0).UTC()
	}
	code, err := n.Code(ctx, contract, *at)
	if err != nil || len(code) == 0 {
		return final, err
	}
	if !bytes.Equal(code, binding.RuntimeCode()) {
		final.OtherCode = true
		return final, nil
	}
	log, err := n.ReadLog(ctx, contract, *at)
	final.Size, final.Root = log.Size, log.Root
	return final, err
}

// Batches calls do with each batch that the contract's events announced in the blocks from one up to that of a log.
func (n *Node) Batches(ctx context.Context, contract common.Address, from uint64, at Log, do func(Announced) error) error {
	return n.Walk(ctx, contract, from, at.Block, func(uint64) bool { return true }, func(log *types.Log) error {
		said, err := binding.NewSaleAnchor().UnpackBatchAnchoredEvent(log)
		if err != nil || log.Address != contract {
			return fmt.Errorf("an event in block %d is not the contract's BatchAnchored", log.BlockNumber)
		}
		return do(Announced{ID: said.BatchId, Root: said.Root, Size: said.Size})
	})
}

// Set is nodes of one or several chains.
type Set struct{ of map[string][]*Node } // by chain id, decimal

// DialAll connects to every node of comma-separated URLs; each must answer. Errors name a node by its number in the list.
func DialAll(ctx context.Context, urls string) (*Set, error) {
	all, err := DialSome(ctx, urls)
	if err != nil && all != nil {
		all.Close()
		return nil, err
	}
	return all, err
}

// DialSome is DialAll for those that answer; the error is about the first that does not. The Set is nil where none does.
func DialSome(ctx context.Context, urls string) (all *Set, first error) {
	set := &Set{of: make(map[string][]*Node)}
	for i, url := range strings.Split(urls, ",") {
		if err := set.dial(ctx, url); err != nil {
			if first == nil {
				first = fmt.Errorf("node %d: %w", i+1, err)
			}
			continue
		}
		all = set
	}
	return all, first
}

func (s *Set) dial(ctx context.Context, url string) error {
	node, err := Dial(ctx, url)
	if err != nil {
		return err
	}
	id, err := node.ChainID(ctx)
	if err != nil {
		node.Close()
		return err
	}
	s.of[id.String()] = append(s.of[id.String()], node)
	return nil
}

// Close closes the connections to all nodes.
func (s *Set) Close() {
	for _, of := range s.of {
		for _, node := range of {
			node.Close()
		}
	}
}

// Has reports whether a node of the chain is among them.
func (s *Set) Has(chainID string) bool { return len(s.of[chainID]) > 0 }

// FinalLog is the log that the node with the least finalized block shows; another that shows as many batches must show the same.
func (s *Set) FinalLog(ctx context.Context, chainID string, contract common.Address) (least Log, err error) {
	for i, node := range s.of[chainID] {
		log, err := node.FinalLog(ctx, contract)
		if err != nil {
			return Log{}, fmt.Errorf("node %d of chain %s: %w", i+1, chainID, err)
		}
		switch {
		case i == 0 || log.Size < least.Size:
			least = log
		case log.Size == least.Size && log.Root != least.Root:
			return Log{}, errNodesDiffer
		}
	}
	return least, nil
}

var errNodesDiffer = errors.New("the nodes show different logs of the same size: one of them is wrong, so nothing is known")

// Batches reads the events of one node of the chain, as Node does.
func (s *Set) Batches(ctx context.Context, chainID string, contract common.Address, from uint64, at Log, do func(Announced) error) error {
	return s.of[chainID][0].Batches(ctx, contract, from, at, do)
}
