package active

import (
	"context"
	"math"
	"time"

	"github.com/tillseal/tillseal/services/anchor/internal/budget"
	"github.com/tillseal/tillseal/shared/fault"
)

// batchAges are the settings of how long batches wait, with the usual age where none is set.
func (t *tenure) batchAges() budget.Settings {
	set := t.anchor.Set.Budget
	if set.Age == 0 {
		set.Age = min(usualAge, set.AgeMax)
		if t.id.Development() {
			set.Age = min(developAge, set.AgeMax)
		}
	}
	return set
}

// checkPromise refuses settings under which promises could not be kept, at the first start on a chain. Later it only warns: a chain that
// finalizes late for a while is no reason to stop anchoring what there is. Neither is a development chain, ever, which nobody keeps going.
func (t *tenure) checkPromise(ctx context.Context, first bool) error {
	finality, err := t.timeToFinality(ctx)
	if err != nil {
		return err
	}
	longest, within := t.batchAges().Longest(), t.anchor.Set.PromiseWithin
	if finality < within-longest {
		t.anchor.Metrics.PromiseTooShort.Set(0)
		return nil
	}
	t.anchor.Metrics.PromiseTooShort.Set(1)
	err = fault.New(fault.Invalid, "a sale waits up to %s for its batch (ANCHOR_BATCH_AGE_MAX, or ANCHOR_BATCH_AGE without a budget) and a block %s until "+
		"it is final, not less than PROMISE_WITHIN (%s): lower ANCHOR_BATCH_AGE_MAX, or raise PROMISE_WITHIN for gateway, ledger and anchor alike",
		longest, finality, within)
	if first && !t.id.Development() {
		return err
	}
	t.anchor.warnedPromise.Do(func() {
		t.anchor.Log.Warn("ALARM: PROMISE_WITHIN is too short for the chain at its present speed", "error", err)
	})
	return nil
}

// timeToFinality is how long the chain's newest block takes to become final, as the distance to the finalized one shows it now: 0 while too few
// nodes answer to tell, and on a development chain that has no final block yet. Blocks that stood still overnight don't count: the
// block time is the usual one.
func (t *tenure) timeToFinality(ctx context.Context) (time.Duration, error) {
	head, finalized, known, err := t.anchor.Chain.Heights(ctx)
	if err != nil || !known || finalized == 0 && t.id.Development() || finalized > head {
		return 0, err
	}
	blocks := head - finalized
	if t.blockTime > 0 && blocks > uint64(math.MaxInt64/t.blockTime) {
		return math.MaxInt64, nil
	}
	return time.Duration(blocks) * t.blockTime, nil
}
