package active

import (
	"context"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/budget"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
)

const (
	steadyGas     = 37_400           // of a batch on average, as contracts/testdata/gas.txt has it, until some are mined
	spendingEvery = time.Minute      // how old what was read of the journal's costs may be
	usualAge      = 10 * time.Minute // ANCHOR_BATCH_AGE when it is not set
	developAge    = 30 * time.Second // and on a development chain
)

// outlook is what anchoring costs and how long batches wait for it, as of one check.
type outlook struct {
	budget.Plan
	spent     journal.Spending
	situation budget.Situation
	gas       uint64 // of a batch
}

// outlook is made at the chain's present fee.
func (t *tenure) outlook(ctx context.Context, sight chain.Sight) (o outlook, err error) {
	if time.Since(t.spentAt) >= spendingEvery {
		if t.spent, err = t.anchor.Journal.Spending(ctx, t.scope.Deployment, t.anchor.Set.Limits.BatchMax); err != nil {
			return o, err
		}
		t.spentAt = time.Now()
	}
	o.spent, o.gas = t.spent, t.spent.Gas
	if o.gas == 0 {
		o.gas = steadyGas
	}
	wei := new(big.Int).Add(sight.BaseFeeWei, sight.TipWei)
	wei.Mul(wei, new(big.Int).SetUint64(o.gas)).Add(wei, o.spent.L1FeeWei)
	o.situation = budget.Situation{BatchWei: wei, Block: t.blockTime, FullADay: 24 * o.spent.FullAnHour}
	set := t.anchor.Set.Budget
	if set.Age == 0 {
		set.Age = min(usualAge, set.AgeMax)
		if t.id.Development() {
			set.Age = min(developAge, set.AgeMax)
		}
	}
	o.Plan = budget.Make(set, o.situation)
	if o.Exceeded {
		t.anchor.warnedBudget.Do(func() {
			t.anchor.Log.Warn("ALARM: anchoring costs more than ANCHOR_BUDGET_ETH_PER_DAY, although batches wait as long as they may or are full before",
				"forecast_day_wei", o.DayWei.String(), "budget_day_wei", set.DayWei.String(), "batch_age", o.Age.String())
		})
	}
	t.anchor.age.Store(int64(o.Age))
	return o, nil
}

// runwayHours is for how long a runway lasts with sales all day.
func (o outlook) runwayHours(batches int64) int64 {
	interval := budget.Interval(o.Age, o.situation)
	if o.situation.FullADay > 0 {
		interval = min(interval, 24*time.Hour/time.Duration(o.situation.FullADay))
	}
	hours := new(big.Int).Mul(big.NewInt(batches), big.NewInt(int64(interval)))
	if hours.Div(hours, big.NewInt(int64(time.Hour))); !hours.IsInt64() {
		return 1<<63 - 1
	}
	return hours.Int64()
}

// keepCosts journals what some of a batch's transactions were charged, as far as they are mined.
func (t *tenure) keepCosts(ctx context.Context, batchID uint64, attempts []step.Attempt) error {
	if len(attempts) == 0 {
		return nil
	}
	hashes := make([]common.Hash, len(attempts))
	for i, a := range attempts {
		hashes[i] = a.Hash
	}
	costs, err := t.anchor.Chain.Costs(ctx, hashes)
	if err != nil {
		return err
	}
	costs = slices.DeleteFunc(costs, func(c chain.Cost) bool {
		at := slices.IndexFunc(attempts, func(a step.Attempt) bool { return a.Hash == c.TxHash })
		return c.GasUsed > gasLimit(batchID) || c.PriceWei.Cmp(attempts[at].Fee.CapWei) > 0 // more than was signed for: a node's invention
	})
	t.spentAt = time.Time{}
	return t.anchor.Journal.KeepCosts(ctx, t.scope, batchID, costs)
}

// gasLimit is that of a transaction for a batch; 0 is the deploy transaction.
func gasLimit(batchID uint64) uint64 {
	if batchID == 0 {
		return deployGas
	}
	return binding.AnchorGas(batchID)
}

// ofMined picks the attempt that was mined; none when it was not one of ours.
func ofMined(b step.Batch, tx common.Hash) []step.Attempt {
	return slices.DeleteFunc(slices.Clone(b.Attempts), func(a step.Attempt) bool { return a.Hash != tx })
}

// besideMined picks the attempts at other nonces than the one that anchored a batch: each may have been mined as well, and failed.
func besideMined(b step.Batch) []step.Attempt {
	return slices.DeleteFunc(slices.Clone(b.Attempts), func(a step.Attempt) bool {
		return slices.ContainsFunc(ofMined(b, b.MinedTx), func(m step.Attempt) bool { return m.Sender == a.Sender && m.Nonce == a.Nonce })
	})
}
