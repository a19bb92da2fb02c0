package verify

import (
	"context"
	"errors"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/contracts/binding"
)

func askChainID(ctx context.Context, from sources, _ proof, v *view) error {
	return ask(ctx, "eth_chainId", func(ctx context.Context) (err error) {
		v.chainID, err = from.eth.ChainID(ctx)
		return err
	})
}

// askCode reads the code at the head, where all that follows is read of the contract: a chain may grow or be reorganised meanwhile.
func askCode(ctx context.Context, from sources, p proof, v *view) error {
	if err := ask(ctx, "eth_getBlockByNumber", func(ctx context.Context) error {
		head, err := from.block(ctx, "latest")
		if err == nil && head == nil {
			err = errors.New("no head")
		}
		if err != nil {
			return err
		}
		v.head = *head
		return nil
	}); err != nil {
		return err
	}
	return readAt(ctx, "eth_getCode", func(ctx context.Context) (err error) {
		v.code, err = from.eth.CodeAtHash(ctx, p.contract, v.head.hash)
		return err
	})
}

func askContains(ctx context.Context, from sources, p proof, v *view) error {
	if !v.route.found() {
		return nil
	}
	contract := binding.NewSaleAnchor()
	data := contract.PackContains(p.batchID, p.Batch.Root, uint32(p.size), words(v.route.path))
	return from.call(ctx, p.contract, data, v.head, func(answer []byte) (err error) {
		v.contained, err = contract.UnpackContains(answer)
		return err
	})
}

func askVerify(ctx context.Context, from sources, p proof, v *view) error {
	if !v.route.found() {
		return nil
	}
	contract := binding.NewSaleAnchor()
	data := contract.PackVerify(p.batchID, uint32(p.size), p.SaleHash, p.wei, words(p.Proof.Proof), words(v.route.path))
	return from.call(ctx, p.contract, data, v.head, func(answer []byte) (err error) {
		v.accepted, err = contract.UnpackVerify(answer)
		return err
	})
}

// words are hashes as the binding takes them.
func words(hashes []common.Hash) [][32]byte {
	all := make([][32]byte, len(hashes))
	for i, hash := range hashes {
		all[i] = hash
	}
	return all
}

func askReceipt(ctx context.Context, from sources, p proof, v *view) error {
	return ask(ctx, "eth_getTransactionReceipt", func(ctx context.Context) (err error) {
		v.receipt, err = from.eth.TransactionReceipt(ctx, p.Chain.TxHash)
		if errors.Is(err, ethereum.NotFound) {
			return nil
		}
		return err
	})
}

func askCanonical(ctx context.Context, from sources, p proof, v *view) error {
	return ask(ctx, "eth_getBlockByNumber", func(ctx context.Context) (err error) {
		v.canonical, err = from.block(ctx, hexutil.EncodeUint64(p.blockNumber))
		return err
	})
}

// unknownBlock is the error that nodes answer with while no block is finalized (execution-apis, "Unknown block").
const unknownBlock = -39001

func askFinalized(ctx context.Context, from sources, p proof, v *view) error {
	if p.Chain.Finality != claimedFinal {
		return nil
	}
	return ask(ctx, "eth_getBlockByNumber", func(ctx context.Context) (err error) {
		v.finalized, err = from.block(ctx, "finalized")
		var answer rpc.Error
		if errors.As(err, &answer) && answer.ErrorCode() == unknownBlock {
			return nil
		}
		return err
	})
}
