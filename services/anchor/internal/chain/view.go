package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sort"
	"sync"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/event"
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
	s.TipWei, err = tip(ctx, s.agreeing)
	return err
}

const (
	tipBlocks     = 20 // recent blocks whose tips are read
	tipPercentile = 50 // of the gas of a block
)

// tip is the median of the tips that the agreeing nodes report for recent blocks: a single node could report any.
func tip(ctx context.Context, agreeing []seen) (*big.Int, error) {
	nodes, reported := make([]*node, len(agreeing)), make([]*big.Int, len(agreeing))
	for i, s := range agreeing {
		nodes[i] = s.node
	}
	errs := each(ctx, nodes, func(ctx context.Context, i int, n *node) error {
		history, err := n.FeeHistory(ctx, tipBlocks, agreeing[i].head.Number, []float64{tipPercentile}) //nolint:forbidigo // the library's type of a percentile
		if err != nil {
			return hide(err)
		}
		var paid []*big.Int
		for block, tips := range history.Reward {
			if block < len(history.GasUsedRatio) && history.GasUsedRatio[block] > 0 && len(tips) == 1 && tips[0] != nil {
				paid = append(paid, tips[0])
			}
		}
		reported[i] = fee.Tip(paid)
		return nil
	})
	reported = slices.DeleteFunc(reported, func(wei *big.Int) bool { return wei == nil })
	if len(reported) == 0 {
		return nil, fmt.Errorf("read the tips of recent blocks: %w", errors.Join(errs...))
	}
	return fee.Median(reported), nil
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

// log reads how many batches the contract's log has, and its root.
func (v viewer) log(ctx context.Context) (next uint64, root common.Hash, err error) {
	answer, err := v.call(ctx, v.abi.PackNextBatchId())
	if err != nil {
		return 0, root, err
	}
	if next, err = v.abi.UnpackNextBatchId(answer); err != nil {
		return 0, root, fmt.Errorf("read nextBatchId: %w", err)
	}
	if answer, err = v.call(ctx, v.abi.PackLogRoot()); err != nil {
		return 0, root, err
	}
	if root, err = v.abi.UnpackLogRoot(answer); err != nil {
		return 0, root, fmt.Errorf("read logRoot: %w", err)
	}
	return next, root, nil
}

func (v viewer) batches(ctx context.Context, journal step.Journal, s *step.View) (err error) {
	if s.NextBatchID, s.LogRoot, err = v.log(ctx); err != nil {
		return err
	}
	anchorer, err := v.call(ctx, v.abi.PackAnchorer())
	if err != nil {
		return err
	}
	if s.Anchorer, err = v.abi.UnpackAnchorer(anchorer); err != nil {
		return fmt.Errorf("read anchorer: %w", err)
	}
	if !journal.Ours(*s) {
		return nil // no batch of ours can be looked for in another's log
	}
	if s.Past, err = v.outcomes(ctx, step.Retried(journal.Open, *s)); err != nil {
		return err
	}
	asked, err := v.worthReading(ctx, journal.Open, s)
	if err != nil {
		return err
	}
	s.Anchored = make(map[uint64]step.Anchored, len(asked))
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(callsAtOnce)
	for _, b := range asked {
		group.Go(func() error {
			var a step.Anchored
			err := v.locate(ctx, b, s.Finalized, &a)
			mu.Lock()
			defer mu.Unlock()
			s.Anchored[b.ID] = a
			return err
		})
	}
	return group.Wait()
}

// checkBatches is how many batches that may become final, and how many that may be mined, one check reads. The others are left to the
// checks that follow at once, so that the cost of a check does not grow with the batches that wait to become final.
const checkBatches = 32

// worthReading picks the batches about which step.Next can decide anything. Of those that the journal has as mined the newest stands for
// the rest: a block on the chain has its ancestors with it. When it is gone, the lowest that is gone stands for all above.
func (v viewer) worthReading(ctx context.Context, open []step.Batch, s *step.View) ([]step.Batch, error) {
	var mined, unmined []step.Batch
	final := 0
	for _, b := range open {
		switch {
		case b.ID >= s.NextBatchID: // the contract has none of it
		case b.State == event.BatchMined:
			mined = append(mined, b)
			if b.Mined.Number <= s.Finalized && final < checkBatches {
				final = len(mined)
			}
		case len(unmined) < checkBatches:
			unmined = append(unmined, b)
		}
	}
	if len(mined) == 0 {
		return unmined, nil
	}
	newest := len(mined) - 1
	if here, err := v.canonical(ctx, mined[newest].Mined); err != nil {
		return nil, err
	} else if !here {
		gone, err := v.lowestGone(ctx, mined)
		return mined[gone : gone+1], err
	}
	asked := append(mined[:final:final], unmined...)
	if final <= newest {
		asked = append(asked, mined[newest])
	}
	return asked, nil
}

// lowestGone finds the first of the batches whose block is not on the chain any more; the last one's is not.
func (v viewer) lowestGone(ctx context.Context, mined []step.Batch) (at int, err error) {
	at = sort.Search(len(mined)-1, func(i int) bool {
		if err != nil {
			return true
		}
		var here bool
		here, err = v.canonical(ctx, mined[i].Mined)
		return !here
	})
	return at, err
}

func (v viewer) call(ctx context.Context, data []byte) ([]byte, error) {
	answer, err := v.node.CallContractAtHash(ctx, ethereum.CallMsg{To: &v.contract, Data: data}, v.at)
	if err != nil {
		return nil, hide(err)
	}
	return answer, nil
}
