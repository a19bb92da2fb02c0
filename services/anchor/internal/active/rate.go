package active

import (
	"context"
	"time"

	"github.com/tillseal/tillseal/shared/fault"
)

const (
	fallbackBlock = 12 * time.Second // Ethereum's block time, for a chain that has too few blocks to measure it
	rateAgain     = 10 * time.Minute // how old the block time behind the metric may be: reading it takes 22 calls
)

// watchRate reads the chain's block time again once it is old: what was seen when the lease began may have been a slow hour, or a lie.
func (t *tenure) watchRate(ctx context.Context) {
	if time.Since(t.rated) < rateAgain {
		return
	}
	err := t.checkRate(ctx, false)
	if err == nil {
		err = t.checkPromise(ctx, false)
	}
	if err != nil && ctx.Err() == nil {
		t.anchor.Log.Info("the chain's block time could not be read; trying again later", "error", err)
	}
}

// checkRate refuses settings under which batches could never keep up, at the first start on a chain. Later it only warns: a chain
// that has been slow for a few minutes is no reason to stop anchoring what there is.
func (t *tenure) checkRate(ctx context.Context, first bool) error {
	t.rated = time.Now()
	blockTime, known, err := t.anchor.Chain.BlockTime(ctx)
	if err != nil {
		return err
	}
	if !known {
		blockTime = fallbackBlock
	}
	t.blockTime = blockTime
	slow := time.Duration(t.anchor.Set.PeakPerSecond)*blockTime >= time.Duration(t.anchor.Set.Limits.BatchMax)*time.Second
	if !slow {
		t.anchor.Metrics.TooSlow.Set(0)
		return nil
	}
	t.anchor.Metrics.TooSlow.Set(1)
	err = fault.New(fault.Invalid, "ANCHOR_BATCH_MAX (%d) sales every block time (%s) are not more than PEAK_SALES_PER_SECOND (%d): batches could not keep up",
		t.anchor.Set.Limits.BatchMax, blockTime, t.anchor.Set.PeakPerSecond)
	if first {
		return err
	}
	t.anchor.warnedRate.Do(func() {
		t.anchor.Log.Warn("ALARM: ANCHOR_BATCH_MAX is too small for the chain at its present speed", "error", err)
	})
	return nil
}
