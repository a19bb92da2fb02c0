package chain

import (
	"context"
	"encoding/json"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
)

// Cost is what a mined transaction was charged, whether it succeeded or failed.
type Cost struct {
	TxHash   common.Hash
	Failed   bool
	Block    step.Block
	GasUsed  uint64
	PriceWei *big.Int // per unit of gas
	L1FeeWei *big.Int // beside its gas; zero where the receipt has none
}

// Costs reads the receipts of some transactions, those that are mined and on the chain. Errors are Transient.
func (c *Client) Costs(ctx context.Context, hashes []common.Hash) (costs []Cost, err error) {
	err = c.read(ctx, func(ctx context.Context, agreeing []seen) error {
		v := c.viewer(agreeing[0], common.Address{})
		costs = nil
		for _, hash := range hashes {
			cost, mined, err := v.cost(ctx, hash)
			if err != nil {
				return err
			}
			if !mined {
				continue
			}
			here, err := v.canonical(ctx, cost.Block)
			if err != nil {
				return err
			}
			if here {
				costs = append(costs, cost)
			}
		}
		return nil
	})
	return costs, err
}

// cost reads a transaction's receipt with what go-ethereum's type leaves out: l1Fee, which chains of the OP stack charge for the data that
// they post to Ethereum (https://docs.optimism.io, "Transaction fees on OP Mainnet"). What can't be read as a quantity counts as none.
func (v viewer) cost(ctx context.Context, hash common.Hash) (cost Cost, mined bool, err error) {
	var raw json.RawMessage
	if err := v.node.Client().CallContext(ctx, &raw, "eth_getTransactionReceipt", hash); err != nil {
		return cost, false, hide(err)
	}
	var receipt *types.Receipt
	var extra struct {
		L1Fee json.RawMessage `json:"l1Fee"`
	}
	if err := json.Unmarshal(raw, &receipt); err != nil || receipt == nil {
		return cost, false, unreadable(err)
	}
	if err := json.Unmarshal(raw, &extra); err != nil {
		return cost, false, unreadable(err)
	}
	var l1Fee hexutil.Big
	charged := len(extra.L1Fee) > 0 && json.Unmarshal(extra.L1Fee, &l1Fee) == nil
	cost = Cost{
		TxHash: hash, Failed: receipt.Status != types.ReceiptStatusSuccessful, Block: blockOf(receipt), GasUsed: receipt.GasUsed,
		PriceWei: receipt.EffectiveGasPrice, L1FeeWei: new(big.Int),
	}
	if cost.PriceWei == nil {
		cost.PriceWei = new(big.Int) // of a chain that does not tell it
	}
	if charged {
		cost.L1FeeWei = l1Fee.ToInt()
	}
	return cost, true, nil
}

func unreadable(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Transient, "a receipt can't be read: %w", err)
}
