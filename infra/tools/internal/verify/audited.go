package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/shared/audit"
)

// ChainID is the node's chain, decimal.
func (n *Node) ChainID(ctx context.Context) (id string, err error) {
	err = ask(ctx, "eth_chainId", func(ctx context.Context) error {
		number, err := n.eth.ChainID(ctx)
		if err == nil {
			id = number.String()
		}
		return err
	})
	return id, err
}

// Log reads a contract's log at the finalized block; a chain that has finalized none yet is read at its first block.
func (n *Node) Log(ctx context.Context, contract common.Address) (audit.Log, error) {
	var at *block
	err := ask(ctx, "eth_getBlockByNumber", func(ctx context.Context) (err error) {
		at, err = n.block(ctx, "finalized")
		return err
	})
	if err != nil {
		return audit.Log{}, err
	}
	if at == nil {
		return audit.Log{}, errors.New("the node shows no finalized block")
	}
	code, err := n.codeAt(ctx, contract, *at)
	if err != nil || len(code) == 0 { // one that was deployed since is not there yet
		return audit.Log{Block: at.number}, err
	}
	if !bytes.Equal(code, binding.RuntimeCode()) {
		return audit.Log{Block: at.number, OtherCode: true}, nil
	}
	log, err := n.readLog(ctx, contract, *at)
	return audit.Log{Size: log.size, Root: log.root, Block: at.number}, err
}

func (n *Node) codeAt(ctx context.Context, contract common.Address, at block) (code []byte, err error) {
	err = readAt(ctx, "eth_getCode", func(ctx context.Context) (err error) {
		code, err = n.eth.CodeAtHash(ctx, contract, at.hash)
		return err
	})
	return code, err
}

// Batches calls do with each batch that the contract's events announced in the blocks from one up to that of a log.
func (n *Node) Batches(ctx context.Context, contract common.Address, from uint64, at audit.Log, do func(audit.Announced) error) error {
	return n.walk(ctx, contract, from, at.Block, func(uint64) bool { return true }, func(log *types.Log) error {
		said, err := binding.NewSaleAnchor().UnpackBatchAnchoredEvent(log)
		if err != nil || log.Address != contract {
			return fmt.Errorf("an event in block %d is not the contract's BatchAnchored", log.BlockNumber)
		}
		return do(audit.Announced{ID: said.BatchId, Root: said.Root, Size: said.Size})
	})
}
