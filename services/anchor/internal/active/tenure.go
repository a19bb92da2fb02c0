package active

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/anchor/internal/announce"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	leaseCheck  = time.Second      // how soon a lost lease is noticed
	fruitless   = 30 * time.Second // without one look at the chain, or one act, that came to its end: another anchor may do better
	stepsAtOnce = 32               // done without a pause before the lease and the clock are looked at again
)

// errFruitless gives the lease up. This anchor may be cut off from nodes or signer where another one is not, or sign with a key that
// was replaced while it has too few nodes to believe that.
var errFruitless = fault.New(fault.Conflict, "nothing came to its end for %s", fruitless)

// tenure is one lease and what lives with it. Another anchor may act between two of them, so each starts from the journal and the
// chain; what must outlive one is the Anchor's.
type tenure struct {
	anchor *Anchor
	lease  *journal.Lease // whoever acquired it releases it

	id       chain.Identity // as the nodes said last
	contract common.Address // zero until settleOnContract has found it
	scope    journal.Scope  // the epoch from the beginning, the deployment once there is a contract, LowSeq as floor moves

	sent     sendings
	floor    floor
	safe     atomic.Uint64 // height up to which batches are announced as safe, 0 while none are; announce reads it beside tick
	fruitful time.Time     // when a look or an act came to its end last, or the tenure began
	rated    time.Time     // when the chain's block time was looked at last
}

// acting is what a tenure shows to Watch and Status, which run beside it: replaced as a whole, so that it is of one look, and gone as
// a whole when the tenure ends.
type acting struct {
	scope journal.Scope
	seen  Status // of the chain; zero before the first look
}

// begin makes this replica the one that acts, until the tenure's end.
func (a *Anchor) begin(lease *journal.Lease) *tenure {
	a.Log.Info("active", "epoch", lease.Epoch)
	a.Metrics.Active.Set(1)
	return &tenure{anchor: a, lease: lease, scope: journal.Scope{Epoch: lease.Epoch}, sent: make(sendings), fruitful: time.Now()}
}

// end makes this replica one that does not act: what it saw of the chain is another's to say now.
func (t *tenure) end() {
	t.anchor.acting.Store(nil)
	t.anchor.Metrics.Active.Set(0)
}

// show replaces what Watch and Status see.
func (t *tenure) show(seen Status) {
	t.anchor.acting.Store(&acting{scope: t.scope, seen: seen})
}

// run acts until something ends the lease, and returns what did. A Fatal fault counts only while the lease is held: what looks wrong
// may be the work of an anchor that took over between the look at the journal and the look at the chain.
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

// work comes to a contract, then anchors at it and announces what was anchored, each beside the other.
func (t *tenure) work(ctx context.Context) error {
	if err := t.settleOnContract(ctx); err != nil {
		return err
	}
	t.show(Status{})
	low, err := t.anchor.Journal.StartFloor(ctx, t.scope, lowSeqRotation)
	if err != nil {
		return err
	}
	t.floor = floor{low: low, next: low}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return t.announce(ctx) })
	group.Go(func() error { return t.tick(ctx) })
	return group.Wait()
}

// tick looks and acts until nothing is left to do, then waits for the chain to move.
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
		Place: announce.Place{
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

// tolerate lets pass what the next look may find mended, and logs it.
func (t *tenure) tolerate(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	switch fault.KindOf(err) {
	case fault.Fatal, fault.Invalid, fault.Forged, fault.Conflict:
		return err // Conflict: the lease may be gone; taking it anew starts from the journal
	case fault.Transient, fault.Unknown:
	}
	t.anchor.Log.Warn("the anchor tries again", "error", err)
	return nil
}

// persist is tolerate for what the lease is held for: it must bear fruit now and then. What stops the anchor does so when several
// looks in a row lead to it.
func (t *tenure) persist(ctx context.Context, err error) error {
	if err == nil {
		t.fruitful = time.Now()
	}
	if harm := fault.Is(err, fault.Fatal) || fault.Is(err, fault.Invalid); !t.anchor.stops.note(err) && harm && ctx.Err() == nil {
		t.anchor.Log.Error("ALARM: the anchor does nothing, and stops unless the next looks at the chain show otherwise",
			"look", t.anchor.stops.looks, "stops_at", haltLooks, "error", err)
		return nil // others would come to the same, or the next look tells
	}
	if harm := t.tolerate(ctx, err); harm != nil {
		return harm
	}
	if time.Since(t.fruitful) >= fruitless {
		return fmt.Errorf("%w: %w", errFruitless, err)
	}
	return nil
}
