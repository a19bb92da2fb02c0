package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
)

// locate finds the transaction that stored a batch's root, and its block on the canonical chain: where it was before, by the
// receipts of all attempts, since an older one may be the one that was mined, or by its event.
func (v viewer) locate(ctx context.Context, b step.Batch) (common.Hash, step.Block, error) {
	if b.Mined != (step.Block{}) {
		if canonical, err := v.canonical(ctx, b.Mined); err != nil || canonical {
			return b.MinedTx, b.Mined, err
		}
	}
	for _, v0 := range slices.Backward(b.Attempts) {
		receipt, err := v.node.TransactionReceipt(ctx, v0.Hash)
		if errors.Is(err, ethereum.NotFound) {
			continue
		}
		if err != nil {
			return common.Hash{}, step.Block{}, hide(err)
		}
		block := step.Block{Number: receipt.BlockNumber.Uint64(), Hash: receipt.BlockHash}
		if receipt.Status != types.ReceiptStatusSuccessful || block.Number > v.head {
			continue
		}
		canonical, err := v.canonical(ctx, block)
		if err != nil {
			return common.Hash{}, step.Block{}, err
		}
		if canonical {
			return receipt.TxHash, block, nil
		}
	}
	return v.locateByEvent(ctx, b.ID)
}

func (v viewer) locateByEvent(ctx context.Context, batchID uint64) (common.Hash, step.Block, error) {
	logs, err := v.node.FilterLogs(ctx, ethereum.FilterQuery{
		FromBlock: common.Big0, ToBlock: new(big.Int).SetUint64(v.head),
		Addresses: []common.Address{v.contract}, Topics: binding.BatchAnchoredTopics(batchID),
	})
	if err != nil {
		return common.Hash{}, step.Block{}, hide(err)
	}
	if len(logs) != 1 {
		return common.Hash{}, step.Block{}, fmt.Errorf("batch %d has its root and %d events at this node", batchID, len(logs))
	}
	return logs[0].TxHash, step.Block{Number: logs[0].BlockNumber, Hash: logs[0].BlockHash}, nil
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
