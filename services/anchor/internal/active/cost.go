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
	spendingQuick = time.Second / 10 // what takes no longer is read again as soon as there are new costs
	runwayMax     = 1_000_000        // hours: nobody plans for more than a hundred years
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

// readSpending reads again what was spent once that is old. Anchoring goes on without it: what was read last stands.
func (t *tenure) readSpending(ctx context.Context) {
	if time.Since(t.spentAt) < spendingEvery {
		return
	}
	t.spentAt = time.Now()
	spent, err := t.anchor.Journal.Spending(ctx, t.scope.Deployment, t.anchor.Set.Limits.BatchMax)
	t.spentIn = time.Since(t.spentAt)
	if err != nil {
		t.anchor.Log.Warn("what was spent cannot be read; it is reported as last read", "error", err)
		return
	}
	t.spent = spent
}

// outlook is made at the chain's present fee.
func (t *tenure) outlook(ctx context.Context, sight chain.Sight) (o outlook) {
	t.readSpending(ctx)
	o.spent, o.gas = t.spent, t.spent.Gas
	if o.gas == 0 {
		o.gas = steadyGas
	}
	wei := new(big.Int).Add(sight.BaseFeeWei, sight.TipWei)
	wei.Mul(wei, new(big.Int).SetUint64(o.gas)).Add(wei, o.spent.L1FeeWei)
	o.situation = budget.Situation{BatchWei: wei, Block: t.blockTime, FullADay: 24 * o.spent.FullAnHour}
	set := t.batchAges()
	o.Plan = budget.Make(set, o.situation)
	if o.Exceeded {
		t.anchor.warnedBudget.Do(func() {
			t.anchor.Log.Warn("ALARM: anchoring costs more than ANCHOR_BUDGET_ETH_PER_DAY, although batches wait as long as they may or are full before",
				"forecast_day_wei", o.DayWei.String(), "budget_day_wei", set.DayWei.String(), "batch_age", o.Age.String())
		})
	}
	t.anchor.age.Store(int64(o.Age))
	return o
}

// runwayHours is for how long a runway lasts with sales all day.
func (o outlook) runwayHours(batches int64) int64 {
	interval := budget.Interval(o.Age, o.situation)
	if o.situation.FullADay > 0 {
		interval = min(interval, 24*time.Hour/time.Duration(o.situation.FullADay))
	}
	hours := new(big.Int).Mul(big.NewInt(batches), big.NewInt(int64(interval)))
	if hours.Div(hours, big.NewInt(int64(time.Hour))); hours.Cmp(big.NewInt(runwayMax)) > 0 {
		return runwayMax
	}
	return hours.Int64()
}

// keepCosts journals what some of a batch's transactions were charged, as far as they are mined. Nothing waits for it: what could not be
// read when a batch was mined is read when it is final.
func (t *tenure) keepCosts(ctx context.Context, batchID uint64, attempts []step.Attempt) {
	if len(attempts) == 0 {
		return
	}
	if err := t.readCosts(ctx, batchID, attempts); err != nil && ctx.Err() == nil {
		t.anchor.Log.Warn("what a batch's transactions cost could not be journaled", "batch_id", batchID, "error", err)
	}
}

// notCosted leaves out the attempts at nonces of which the journal knows the cost.
func (t *tenure) notCosted(ctx context.Context, attempts []step.Attempt) []step.Attempt {
	hashes := make([]common.Hash, len(attempts))
	for i, a := range attempts {
		hashes[i] = a.Hash
	}
	known, err := t.anchor.Journal.Costed(ctx, t.scope.Deployment, hashes)
	if err != nil {
		return attempts
	}
	return slices.DeleteFunc(slices.Clone(attempts), func(a step.Attempt) bool {
		return slices.ContainsFunc(attempts, func(b step.Attempt) bool {
			return a.Sender == b.Sender && a.Nonce == b.Nonce && slices.Contains(known, b.Hash)
		})
	})
}

func (t *tenure) readCosts(ctx context.Context, batchID uint64, attempts []step.Attempt) error {
	hashes := make([]common.Hash, len(attempts))
	for i, a := range attempts {
		hashes[i] = a.Hash
	}
	costs, err := t.anchor.Chain.Costs(ctx, hashes)
	if err != nil {
		return err
	}
	var charged []journal.Charged
	for _, c := range costs {
		a := attempts[slices.IndexFunc(attempts, func(a step.Attempt) bool { return a.Hash == c.TxHash })]
		if c.GasUsed <= gasLimit(batchID) && c.PriceWei.Cmp(a.Fee.CapWei) <= 0 { // more than was signed for is a node's invention
			charged = append(charged, journal.Charged{Attempt: a, Cost: c})
		}
	}
	if t.spentIn <= spendingQuick {
		t.spentAt = time.Time{}
	}
	return t.anchor.Journal.KeepCosts(ctx, t.scope, batchID, charged)
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
