package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
)

// locate finds the transaction that anchored a batch, and its block on the canonical chain: first where the journal has it, then
// by the receipts of all attempts, since an older one may have been mined, and last by its event.
func (v viewer) locate(ctx context.Context, b step.Batch, finalized uint64, a *step.Anchored) error {
	switch {
	case b.Mined == (step.Block{}):
	case b.Mined.Number <= finalized: // the receipt proves the block, too, since the newest batch's block was found on the chain
		receipt, err := v.receipt(ctx, b.MinedTx)
		if err != nil {
			return err
		}
		if receipt != nil && receipt.BlockHash == b.Mined.Hash && receipt.Status == types.ReceiptStatusSuccessful {
			a.TxHash, a.Block = b.MinedTx, b.Mined
			return nil
		}
	default:
		if canonical, err := v.canonical(ctx, b.Mined); err != nil || canonical {
			a.TxHash, a.Block = b.MinedTx, b.Mined
			return err
		}
	}
	for _, attempt := range slices.Backward(b.Attempts) {
		receipt, err := v.receipt(ctx, attempt.Hash)
		if err != nil {
			return err
		}
		if receipt == nil || receipt.Status != types.ReceiptStatusSuccessful {
			continue
		}
		block := blockOf(receipt)
		canonical, err := v.canonical(ctx, block)
		if err != nil {
			return err
		}
		if canonical {
			a.TxHash, a.Block = receipt.TxHash, block
			return nil
		}
	}
	return v.locateByEvent(ctx, b, a)
}

// receipt reads a transaction's receipt up to the head; nil when it is not mined.
func (v viewer) receipt(ctx context.Context, tx common.Hash) (*types.Receipt, error) {
	receipt, err := v.node.TransactionReceipt(ctx, tx)
	switch {
	case errors.Is(err, ethereum.NotFound):
		return nil, nil //nolint:nilnil // none is an answer
	case err != nil:
		return nil, hide(err)
	case receipt.BlockNumber.Uint64() > v.head:
		return nil, nil //nolint:nilnil // not yet, at this block
	}
	return receipt, nil
}

func blockOf(r *types.Receipt) step.Block {
	return step.Block{Number: r.BlockNumber.Uint64(), Hash: r.BlockHash}
}

// outcomes reads the receipts of attempts.
func (v viewer) outcomes(ctx context.Context, attempts []step.Attempt) (o step.Outcomes, err error) {
	type slot struct {
		sender common.Address
		nonce  uint64
	}
	failed := make(map[slot]bool)
	for _, attempt := range attempts {
		receipt, err := v.receipt(ctx, attempt.Hash)
		if err != nil {
			return o, err
		}
		if receipt == nil {
			continue
		}
		canonical, err := v.canonical(ctx, blockOf(receipt))
		switch {
		case err != nil:
			return o, err
		case !canonical:
		case receipt.Status == types.ReceiptStatusSuccessful:
			o.Succeeded = true
		default:
			failed[slot{attempt.Sender, attempt.Nonce}] = true
		}
	}
	o.Reverted = len(failed)
	return o, nil
}

const clockSlack = time.Hour // between Postgres's clock and those of block proposers

// locateByEvent searches back from the head to where the batch was sealed.
func (v viewer) locateByEvent(ctx context.Context, b step.Batch, a *step.Anchored) error {
	wrong := func(events int) error {
		return fmt.Errorf("this node has batch %d in the contract's log, but %d events of it instead of 1", b.ID, events)
	}
	found := false
	err := v.searchBack(ctx, binding.BatchAnchoredTopics(b.ID), 0, func(from uint64, logs []types.Log) (done bool, err error) {
		switch len(logs) {
		case 0:
			before, err := v.sealedAfter(ctx, b, from)
			if before && err == nil {
				err = wrong(0)
			}
			return false, err
		case 1:
			found = true
			a.TxHash, a.Block = logs[0].TxHash, step.Block{Number: logs[0].BlockNumber, Hash: logs[0].BlockHash}
			return true, nil
		}
		return false, wrong(len(logs))
	})
	if err == nil && !found {
		err = wrong(0)
	}
	return err
}

// sealedAfter reports whether the batch was sealed after a block was made, so that no older one can hold it.
func (v viewer) sealedAfter(ctx context.Context, b step.Batch, block uint64) (bool, error) {
	if block == 0 {
		return true, nil
	}
	header, err := v.node.HeaderByNumber(ctx, new(big.Int).SetUint64(block))
	if err != nil {
		return false, hide(err)
	}
	return time.Unix(int64(header.Time), 0).Before(b.SealedAt.Add(-clockSlack)), nil
}

func (v viewer) canonical(ctx context.Context, b step.Block) (bool, error) {
	header, err := v.node.HeaderByNumber(ctx, new(big.Int).SetUint64(b.Number))
	if errors.Is(err, ethereum.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, hide(err)
	}
	return header.Hash() == b.Hash, nil
}
