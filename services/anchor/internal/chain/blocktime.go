package chain

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// blockGaps is how many gaps between blocks a chain's block time is taken from.
const blockGaps = 21

// BlockTime is the chain's usual block time, the median of its last blockGaps gaps: an outage, or a night for which a development
// chain was stopped, is one gap among them. known is false when there are too few blocks. The blocks are the ancestors of the newest
// one that most nodes agree on.
func (c *Client) BlockTime(ctx context.Context) (usual time.Duration, known bool, err error) {
	err = c.read(ctx, func(ctx context.Context, agreeing []seen) error {
		from := agreeing[0]
		if from.head.Number.Uint64() <= blockGaps {
			return nil
		}
		times, child := []uint64{from.head.Time}, from.head
		for back := int64(1); back <= blockGaps; back++ {
			past, err := from.node.HeaderByNumber(ctx, new(big.Int).Sub(from.head.Number, big.NewInt(back)))
			if err != nil {
				return hide(err)
			}
			if past.Hash() != child.ParentHash { // or one node could make up any times
				return fmt.Errorf("block %s is not an ancestor of block %s", past.Number, child.Number)
			}
			times, child = append(times, past.Time), past
		}
		usual, known = medianGap(times), true
		return nil
	})
	return usual, known, err
}

// Heights are the newest block that most nodes agree on and the finalized one, 0 when there is none; known is false when too few of the
// configured nodes answer to call a block final.
func (c *Client) Heights(ctx context.Context) (head, finalized uint64, known bool, err error) {
	err = c.read(ctx, func(ctx context.Context, agreeing []seen) (err error) {
		head, known = agreeing[0].head.Number.Uint64(), c.Most(len(agreeing))
		finalized, _, err = c.finalHeights(ctx, agreeing)
		return err
	})
	return head, finalized, known, err
}

// medianGap takes the times of consecutive blocks in Unix seconds, newest first, two at least.
func medianGap(times []uint64) time.Duration {
	gaps := make([]uint64, len(times)-1)
	for i := range gaps {
		gaps[i] = times[i] - times[i+1]
	}
	slices.Sort(gaps)
	return time.Duration(gaps[len(gaps)/2]) * time.Second
}
