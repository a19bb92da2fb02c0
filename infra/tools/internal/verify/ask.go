package verify

import (
	"context"
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/tillseal/tillseal/contracts/binding"
)

func askChainID(ctx context.Context, from sources, _ proof, v *view) (err error) {
	v.chainID, err = from.ChainID(ctx)
	return err
}

// askCode reads the code at the head, where all that follows is read of the contract: a chain may grow or be reorganised meanwhile.
func askCode(ctx context.Context, from sources, p proof, v *view) error {
	head, err := from.Block(ctx, "latest")
	if err == nil && head == nil {
		err = errors.New("the node could not be queried (eth_getBlockByNumber: it shows no head)")
	}
	if err != nil {
		return err
	}
	v.head = *head
	v.code, err = from.Code(ctx, p.contract, v.head)
	return err
}

func askContains(ctx context.Context, from sources, p proof, v *view) error {
	if !v.route.found() {
		return nil
	}
	contract := binding.NewSaleAnchor()
	data := contract.PackContains(p.batchID, p.Batch.Root, uint32(p.size), words(v.route.path))
	return from.Call(ctx, p.contract, data, v.head, func(answer []byte) (err error) {
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
	return from.Call(ctx, p.contract, data, v.head, func(answer []byte) (err error) {
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

func askReceipt(ctx context.Context, from sources, p proof, v *view) (err error) {
	v.receipt, err = from.Receipt(ctx, p.Chain.TxHash)
	return err
}

func askCanonical(ctx context.Context, from sources, p proof, v *view) (err error) {
	v.canonical, err = from.Block(ctx, hexutil.EncodeUint64(p.blockNumber))
	return err
}

func askFinalized(ctx context.Context, from sources, p proof, v *view) (err error) {
	if p.Chain.Finality == claimedFinal {
		v.finalized, err = from.Block(ctx, "finalized")
	}
	return err
}
