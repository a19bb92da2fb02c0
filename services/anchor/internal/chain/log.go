package chain

import (
	"context"
	"errors"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/fault"
)

const (
	logWindow      = 1000 // blocks that are searched at once, as providers allow; halved where one allows less
	leastLogWindow = 8    // no provider allows less: a refusal then has another cause
	growAfter      = 16   // windows in a row that were allowed, before a larger one is tried: a refusal may have had another cause
)

// searchBack hands over the contract's events from the head back, window by window, since providers refuse to search a whole chain. It
// ends when each reports that it is done or fails, or when the block `lowest` was searched. from is the window's lowest block.
func (v viewer) searchBack(
	ctx context.Context, topics [][]common.Hash, lowest uint64, each func(from uint64, logs []types.Log) (done bool, err error),
) error {
	window, allowed := uint64(logWindow), 0
	for top := v.head; top >= lowest; {
		from := max(top-min(top, window-1), lowest)
		logs, err := v.node.FilterLogs(ctx, ethereum.FilterQuery{
			FromBlock: new(big.Int).SetUint64(from), ToBlock: new(big.Int).SetUint64(top), Addresses: []common.Address{v.contract}, Topics: topics,
		})
		var refused rpc.Error
		switch {
		case errors.As(err, &refused) && window > leastLogWindow:
			window, allowed = max(window/2, leastLogWindow), 0
			continue
		case err != nil:
			return hide(err)
		}
		if done, err := each(from, logs); done || err != nil || from == 0 {
			return err
		}
		top = from - 1
		if allowed++; allowed%growAfter == 0 {
			window = min(2*window, logWindow)
		}
	}
	return nil
}

// LogSight is a contract's log as one block shows it.
type LogSight struct {
	Sight
	Contract common.Address
}

// LookAtLog reads a contract's log, of which NextBatchID and LogRoot tell, as most of the configured nodes show it; unless CodeIsOurs there
// is none. Errors are Transient.
func (c *Client) LookAtLog(ctx context.Context, contract common.Address) (s LogSight, err error) {
	err = c.read(ctx, func(ctx context.Context, agreeing []seen) error {
		same := 0
		for i, from := range agreeing {
			other := LogSight{Sight: c.sightOf(agreeing), Contract: contract}
			v := c.viewer(from, contract)
			err := v.code(ctx, &other.CodeIsOurs)
			if err == nil && other.CodeIsOurs {
				other.NextBatchID, other.LogRoot, err = v.log(ctx)
			}
			switch {
			case i == 0 && err != nil:
				return err
			case i == 0:
				s = other
			}
			if err == nil && other.CodeIsOurs == s.CodeIsOurs && other.NextBatchID == s.NextBatchID && other.LogRoot == s.LogRoot {
				same++
			}
			if c.Most(same) {
				return nil
			}
		}
		return fault.New(fault.Transient, "not most of the configured nodes show the same log of contract %s", contract.Hex())
	})
	return s, err
}

// Found is a batch in a contract's log, by its event.
type Found struct {
	batchlog.Batch
	TxHash common.Hash
	Block  step.Block
}

// Batches reads the events of a log's newest batches from the block of a LogSight back to another, and hands all that were found over
// as often as there are more, from the log's last batch down, until take is done. Events that are missing, or that lead to no end, are
// Transient: the node does not have them, or another chain by now.
func (c *Client) Batches(ctx context.Context, s LogSight, lowest uint64, take func(found []Found) (done bool, err error)) error {
	v := c.viewer(s.agreeing[0], s.Contract)
	var found []Found
	taken := false
	err := v.searchBack(ctx, binding.BatchAnchoredTopics(), lowest, func(_ uint64, logs []types.Log) (done bool, err error) {
		for _, log := range slices.Backward(logs) {
			said, err := v.abi.UnpackBatchAnchoredEvent(&log)
			if err != nil {
				return false, fault.New(fault.Transient, "an event of the contract can't be read: %w", err)
			}
			if said.BatchId+uint64(len(found)) != s.NextBatchID-1 {
				return false, fault.New(fault.Transient, "the node lacks events: batch %d is not the one below the %d newest", said.BatchId, len(found))
			}
			found = append(found, Found{
				Batch:  batchlog.Batch{ID: said.BatchId, Root: said.Root, Size: said.Size},
				TxHash: log.TxHash, Block: step.Block{Number: log.BlockNumber, Hash: log.BlockHash},
			})
		}
		if len(logs) > 0 {
			taken, err = take(found)
		}
		return taken, err
	})
	if err == nil && !taken {
		err = fault.New(fault.Transient, "the contract's events down to block %d do not make its log", lowest)
	}
	return err
}

// MinedAt is the block of the first of some transactions that was mined and succeeded; false when none was. Errors are Transient.
func (c *Client) MinedAt(ctx context.Context, attempts []step.Attempt) (block uint64, found bool, err error) {
	err = c.read(ctx, func(ctx context.Context, agreeing []seen) error {
		v := c.viewer(agreeing[0], common.Address{})
		for _, attempt := range attempts {
			receipt, err := v.receipt(ctx, attempt.Hash)
			if err != nil {
				return err
			}
			if receipt == nil || receipt.Status != types.ReceiptStatusSuccessful {
				continue
			}
			if found, err = v.canonical(ctx, blockOf(receipt)); err != nil || found {
				block = receipt.BlockNumber.Uint64()
				return err
			}
		}
		return nil
	})
	return block, found, err
}
