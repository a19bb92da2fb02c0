package active

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/anchor/internal/announce"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	leaseCheck  = time.Second      // how soon a lost lease is noticed
	fruitless   = 30 * time.Second // without completing a single check or step: another anchor may do better
	stepsAtOnce = 32               // done without a pause before waiting for the next poll
)

// errFruitless gives the lease up. This anchor may be cut off from nodes or signer where another one is not, or its key was replaced
// and too few nodes answer to confirm that.
var errFruitless = fault.New(fault.Conflict, "nothing could be completed for %s", fruitless)

// tenure is one lease and what lives with it. Another anchor may act between two of them, so each starts from the journal and the
// chain; what must outlive a tenure is kept in Anchor.
type tenure struct {
	anchor *Anchor
	lease  *journal.Lease // whoever acquired it releases it

	id       chain.Identity // as the nodes last reported it
	contract common.Address // zero until findContract has found it
	scope    journal.Scope  // the epoch from the beginning, the deployment once there is a contract, LowSeq as floor moves

	deployment step.Deployment // as findContract has found it
	sighted    bool            // the contract's log was seen not to be the journal's, and not since to be it

	sent     sendings
	floor    floor
	safe     atomic.Uint64 // height up to which batches are announced as safe, 0 while none are; announce reads it beside tick
	fruitful time.Time     // when a check or a step was last completed, or the tenure began
	rated    time.Time     // when the chain's block time was last read

	blockTime time.Duration
	spent     journal.Spending
	spentAt   time.Time     // when it was read
	spentIn   time.Duration // how long that took
}

// acting is what a tenure shows to Watch and Status, which run beside it: it is replaced as a whole, so that it comes from one check,
// and removed when the tenure ends.
type acting struct {
	scope journal.Scope
	seen  Status // of the chain; zero before the first check
}

// begin makes this replica the one that acts, until the tenure's end.
func (a *Anchor) begin(lease *journal.Lease) *tenure {
	a.Log.Info("active", "epoch", lease.Epoch)
	a.Metrics.Active.Set(1)
	return &tenure{
		anchor: a, lease: lease, scope: journal.Scope{Epoch: lease.Epoch}, sent: make(sendings), fruitful: time.Now(),
		spent: journal.Spending{DayWei: new(big.Int), MonthWei: new(big.Int), L1FeeWei: new(big.Int)},
	}
}

// end makes this replica a standby: from now on another one reports the chain.
func (t *tenure) end() {
	t.anchor.acting.Store(nil)
	t.anchor.Metrics.Active.Set(0)
}

// show replaces what Watch and Status see.
func (t *tenure) show(seen Status) {
	t.anchor.acting.Store(&acting{scope: t.scope, seen: seen})
}

// run acts until something ends the lease, and returns what did. A Fatal fault counts only while the lease is held: what looks wrong
// may be the work of an anchor that took over between reading the journal and reading the chain.
func (t *tenure) run(ctx context.Context) error {
	err := t.act(ctx)
	if !fault.Is(err, fault.Fatal) || ctx.Err() != nil {
		return err
	}
	held, leaseErr := t.anchor.Journal.Holds(ctx, t.lease.Epoch)
	switch {
	case leaseErr != nil:
		return fault.WithKind(fault.Transient, errors.Join(err, leaseErr))
	case !held:
		return fault.New(fault.Conflict, "another anchor has taken over: %w", err)
	}
	return err
}

// act watches the lease beside the work: the epoch in every write is what makes that safe, the watch what makes it quick.
func (t *tenure) act(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return t.watchLease(ctx) })
	group.Go(func() error { return t.work(ctx) })
	return group.Wait()
}

func (t *tenure) watchLease(ctx context.Context) error {
	for wait.Pause(ctx, leaseCheck) {
		if err := t.lease.Check(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// work finds the contract, then anchors at it and announces what was anchored, both at the same time.
func (t *tenure) work(ctx context.Context) error {
	if err := t.findContract(ctx); err != nil {
		return err
	}
	t.show(Status{})
	low, err := t.anchor.Journal.StartFloor(ctx, t.scope, lowSeqRotation)
	if err != nil {
		return err
	}
	t.floor = floor{low: low, next: low}
	extent, err := t.anchor.Journal.Extent(ctx, t.scope.Deployment)
	if err != nil {
		return err
	}
	t.sighted = extent.Sighted
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return t.announce(ctx) })
	group.Go(func() error { return t.follow(ctx) })
	group.Go(func() error { return t.tick(ctx) })
	return group.Wait()
}

// tick checks and acts until nothing is left to do, then waits for the chain to move.
func (t *tenure) tick(ctx context.Context) error {
	for {
		for range stepsAtOnce {
			again, err := t.advance(ctx)
			if err := t.persist(ctx, err); err != nil {
				return err
			}
			if !again || err != nil {
				break
			}
		}
		t.watchRate(ctx)
		if !wait.Pause(ctx, t.anchor.Set.Poll) {
			return ctx.Err()
		}
	}
}

func (t *tenure) announce(ctx context.Context) error {
	announcer := announce.Announcer{
		Journal: t.anchor.Journal, Bus: t.anchor.Bus, Safe: t.safe.Load,
		Target: announce.Target{
			Deployment: t.scope.Deployment, ChainID: t.id.ChainID.Uint64(), Contract: t.contract, Finality: t.anchor.Set.Finality, Epoch: t.scope.Epoch,
		},
	}
	for {
		if err := t.tolerate(ctx, announcer.Catch(ctx)); err != nil {
			return err
		}
		if !wait.Pause(ctx, min(t.anchor.Set.Poll, time.Second)) {
			return ctx.Err()
		}
	}
}

// tolerate logs an error that may be gone by the next check, and returns any other.
func (t *tenure) tolerate(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	switch fault.KindOf(err) {
	case fault.Fatal, fault.Invalid, fault.Forged, fault.Conflict:
		return err // Conflict: the lease may be gone; whoever takes it next starts from the journal
	case fault.Transient, fault.Unknown:
	}
	t.anchor.Log.Warn("the anchor will try again", "error", err)
	return nil
}

// persist is tolerate for the work that the lease is held for: some of it must be completed now and then, or the lease is given up.
// A fault that stops the anchor does so only when several checks in a row lead to it.
func (t *tenure) persist(ctx context.Context, err error) error {
	if err == nil {
		t.fruitful = time.Now()
	}
	if harm := fault.Is(err, fault.Fatal) || fault.Is(err, fault.Invalid); !t.anchor.stops.note(err) && harm && ctx.Err() == nil {
		t.anchor.Log.Error("ALARM: the anchor has paused, and stops unless the next checks of the chain show otherwise",
			"check", t.anchor.stops.checks, "stops_at", haltChecks, "error", err)
		return nil // another anchor would find the same, or the next check shows otherwise
	}
	if harm := t.tolerate(ctx, err); harm != nil {
		return harm
	}
	if time.Since(t.fruitful) >= fruitless {
		return fmt.Errorf("%w: %w", errFruitless, err)
	}
	return nil
}
