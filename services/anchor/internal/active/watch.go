package active

import (
	"context"
	"sync"
	"time"

	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/wait"
)

// watchEvery is how often every replica reads the backlog from the journal. This does not depend on the chain: while that is
// unavailable, the first alarm, the age of the oldest unanchored sale, must go on.
const watchEvery = 5 * time.Second

// backlog is the work that is left, as the journal alone shows it.
type backlog struct {
	deployment int64
	waiting    int    // leaves for the next batch, counted up to ANCHOR_BATCH_MAX
	inFlight   uint64 // lowest batch that is sealed and not mined; 0 for none
	fee        fee.Fee
	notFinal   int       // batches that are mined and not final
	held       bool      // as many batches are open as may be: no more are sealed until some are final
	since      time.Time // when the oldest unanchored sale was journaled, by this process's clock; zero for none
	read       time.Time
}

// age is how long the oldest unanchored sale has waited. It grows by itself while the journal can't be read.
func (b *backlog) age() time.Duration {
	if b == nil || b.since.IsZero() {
		return 0
	}
	return max(0, time.Since(b.since))
}

// Watch keeps the backlog that the metrics and ops.anchor.status report, in the active anchor and in a standby alike.
// It returns when ctx ends.
func (a *Anchor) Watch(ctx context.Context) error {
	var s survey
	failed := false
	for {
		err := s.read(ctx, a)
		if err != nil && !failed && ctx.Err() == nil {
			a.Log.Warn("the journal cannot be read; the backlog is reported as last read", "error", err)
		}
		failed = err != nil
		if !wait.Pause(ctx, watchEvery) {
			return nil
		}
	}
}

// survey remembers where waiting leaves begin.
type survey struct {
	scope  journal.Scope
	turned time.Time
}

func (s *survey) read(ctx context.Context, a *Anchor) error {
	if b := a.backlog.Load(); b != nil && time.Since(b.read) < watchEvery {
		return nil // the active anchor reads the journal at each check, whether or not the chain answers
	}
	scope, err := a.Journal.Current(ctx, a.Set.Given)
	if err != nil {
		return err
	}
	if acting := a.acting.Load(); acting != nil {
		scope = acting.scope // the tenure has also asked the chain which deployment is in use
	}
	if scope.Deployment != s.scope.Deployment || time.Since(s.turned) >= lowSeqRotation {
		if scope.LowSeq, err = a.Journal.StartFloor(ctx, scope, lowSeqRotation); err != nil {
			return err
		}
		s.scope, s.turned = scope, time.Now()
	}
	state, _, err := a.Journal.State(ctx, s.scope, a.Set.Limits.BatchMax)
	if err != nil {
		return err
	}
	return a.note(ctx, s.scope.Deployment, state)
}

// note keeps the backlog of a state of the journal.
func (a *Anchor) note(ctx context.Context, deployment int64, state step.Journal) error {
	b := &backlog{deployment: deployment, waiting: state.Waiting.Count, held: len(state.Open) >= a.Set.Limits.OpenMax, read: time.Now()}
	if b.held {
		a.warnHeld(len(state.Open))
	}
	oldest := state.Waiting.Oldest
	for _, batch := range state.Open {
		if batch.State == event.BatchMined {
			b.notFinal++
			continue
		}
		if b.inFlight != 0 {
			continue
		}
		b.inFlight = batch.ID // batches take the oldest leaves first: none above has older ones
		if n := len(batch.Attempts); n > 0 {
			b.fee = batch.Attempts[n-1].Fee
		}
		at, err := a.ages.of(ctx, a.Journal, deployment, batch.ID)
		if err != nil {
			return err
		}
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	if !oldest.IsZero() {
		b.since = time.Now().Add(-state.Now.Sub(oldest))
	}
	a.backlog.Store(b)
	a.Metrics.backlog.Store(b)
	return nil
}

// warnHeld raises the alarm, in the active anchor, that no batch is sealed: while the chain finalizes nothing, it is paid for nothing.
func (a *Anchor) warnHeld(open int) {
	if a.acting.Load() == nil {
		return
	}
	a.warnedHeld.Do(func() {
		a.Log.Warn("ALARM: no batch is sealed until the chain has finalized some of the open ones", "not_final", open)
	})
}

// ages caches how old the oldest leaf of the batch in flight is, which takes reading all its leaves.
type ages struct {
	mu         sync.Mutex
	deployment int64
	batch      uint64
	oldest     time.Time
}

func (g *ages) of(ctx context.Context, j *journal.Journal, deployment int64, batch uint64) (time.Time, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.deployment == deployment && g.batch == batch {
		return g.oldest, nil
	}
	oldest, err := j.OldestLeaf(ctx, deployment, batch)
	if err == nil {
		g.deployment, g.batch, g.oldest = deployment, batch, oldest
	}
	return oldest, err
}
