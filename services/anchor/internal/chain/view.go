package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
)

// viewer reads everything at one block, so that root, nonce and receipt belong together.
type viewer struct {
	node     *ethclient.Client
	at       common.Hash
	head     uint64
	contract common.Address
	abi      *binding.SaleAnchor
}

func (v viewer) code(ctx context.Context, ours *bool) error {
	code, err := v.node.CodeAtHash(ctx, v.contract, v.at)
	if err != nil {
		return hide(err)
	}
	*ours = bytes.Equal(code, binding.RuntimeCode())
	return nil
}

func (v viewer) account(ctx context.Context, sender common.Address, s *Sight) (err error) {
	s.Sender = sender
	if s.Nonce, err = v.node.NonceAtHash(ctx, sender, v.at); err != nil {
		return hide(err)
	}
	if s.BalanceWei, err = v.node.BalanceAtHash(ctx, sender, v.at); err != nil {
		return hide(err)
	}
	if s.TipWei, err = v.node.SuggestGasTipCap(ctx); err != nil {
		return hide(err)
	}
	return nil
}

// height reads a tagged block's height. A chain too young to have one, whose node answers with an error or nothing, is at 0.
func height(ctx context.Context, node *ethclient.Client, tag rpc.BlockNumber) (uint64, error) {
	header, err := node.HeaderByNumber(ctx, big.NewInt(tag.Int64()))
	var answered rpc.Error
	switch {
	case err == nil:
		return header.Number.Uint64(), nil
	case errors.Is(err, ethereum.NotFound), errors.As(err, &answered):
		return 0, nil
	}
	return 0, hide(err)
}

func (v viewer) batches(ctx context.Context, open []step.Batch, s *step.View) error {
	next, err := v.call(ctx, v.abi.PackNextBatchId())
	if err != nil {
		return err
	}
	if s.NextBatchID, err = v.abi.UnpackNextBatchId(next); err != nil {
		return fmt.Errorf("read nextBatchId: %w", err)
	}
	anchorer, err := v.call(ctx, v.abi.PackAnchorer())
	if err != nil {
		return err
	}
	if s.Anchorer, err = v.abi.UnpackAnchorer(anchorer); err != nil {
		return fmt.Errorf("read anchorer: %w", err)
	}
	s.Anchored = make(map[uint64]step.Anchored)
	for _, b := range open {
		if b.ID >= s.NextBatchID {
			break // ids are dense and ascend: the contract has none of the rest
		}
		answer, err := v.call(ctx, v.abi.PackRootOf(b.ID))
		if err != nil {
			return err
		}
		root, err := v.abi.UnpackRootOf(answer)
		if err != nil {
			return fmt.Errorf("read rootOf: %w", err)
		}
		anchored := step.Anchored{Root: root}
		if anchored.Root == b.Root {
			if anchored.TxHash, anchored.Block, err = v.locate(ctx, b); err != nil {
				return err
			}
		}
		s.Anchored[b.ID] = anchored
	}
	return nil
}

func (v viewer) call(ctx context.Context, data []byte) ([]byte, error) {
	answer, err := v.node.CallContractAtHash(ctx, ethereum.CallMsg{To: &v.contract, Data: data}, v.at)
	if err != nil {
		return nil, hide(err)
	}
	return answer, nil
}

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
