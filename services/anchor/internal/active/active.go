// Package active is the one anchor that acts: it looks at journal and chain, asks package step what to do, and does it.
package active

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/anchor/internal/announce"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

// Signer signs for one account.
type Signer interface {
	Address() common.Address
	Sign(ctx context.Context, tx *types.DynamicFeeTx, chainID *big.Int) (*types.Transaction, error)
}

// Settings are the operator's, checked.
type Settings struct {
	Limits        step.Limits
	Rules         step.DeployRules // Development and OtherGenesis are found on the chain
	Given         common.Address   // ANCHOR_CONTRACT; zero for none
	Owner         common.Address   // of a contract that is deployed
	Finality      string           // latest, safe or finalized
	FeeCapWei     *big.Int         // per gas, as long as no sale is old
	FeeHardWei    *big.Int         // per gas, ever
	FeeRiseAfter  time.Duration    // age of the oldest unanchored sale from which the cap rises
	Poll          time.Duration    // between two looks at the chain
	PeakPerSecond int
	PlainKey      bool // the key stands in the environment, which only a development chain excuses
}

const (
	standbyRetry   = time.Second      // how often a standby tries for the lease
	leaseCheck     = time.Second      // how soon a lost lease is noticed
	fruitless      = 30 * time.Second // without one look at the chain, or one act, that came to its end: another anchor may do better
	stayAway       = 10 * time.Second // from a lease given up for that: longer than a standby takes to try for it
	stepsAtOnce    = 32               // done without a pause before the lease and the clock are looked at again
	anchorGas      = 250_000          // one anchor() takes 51,755 at most, and 146,875 where state is priced as EIP-8037 has it; fixed, since an estimate fails once the original is mined
	deployGas      = 6_000_000        // 683,000, and 4.6 million by EIP-8037; what is not used is not paid
	lowSeqRotation = 5 * time.Minute  // longer than any intake transaction: a leaf that was invisible then is visible now or never
	fallbackBlock  = 12 * time.Second
	rateAgain      = 10 * time.Minute // how old the chain's block time may be, as the metric knows it: a look takes 22 calls
)

// Anchor runs the active side of the service.
type Anchor struct {
	Journal *journal.Journal
	Chain   *chain.Client
	Signer  Signer
	Bus     *stream.Bus
	Log     *slog.Logger
	Set     Settings
	Metrics *Metrics

	backlog atomic.Pointer[backlog]
	ages    ages
	seen    atomic.Pointer[Status]        // what the chain shows, while this replica acts
	acting  atomic.Pointer[journal.Scope] // for which deployment it acts; nil while it stands by

	warnedHeld atomic.Pointer[time.Time] // when the log last said that no batch is made

	id       chain.Identity
	contract common.Address
	scope    journal.Scope
	sent     map[common.Hash]sending // by this process
	floor    floor
	safe     atomic.Uint64
	gas      uint64 // that an anchor() took last

	// Over leases, since one is left when nothing comes to its end under it.
	lacks lacking
	stops stopping
	sight sighting

	fruitful              time.Time // when a look or an act came to its end last, or the lease began
	rated                 time.Time // when the chain's block time was looked at last
	warnedLow, warnedRate time.Time // when the log last said that the account is low, or batches too small
}

// Run tries for the lease, acts while it holds it, and returns on a Fatal or Invalid fault or when ctx ends (nil).
func (a *Anchor) Run(ctx context.Context) error {
	waiting := false
	for ctx.Err() == nil {
		err, away := a.once(ctx, &waiting), standbyRetry
		switch {
		case ctx.Err() != nil, err == nil:
		case errors.Is(err, errFruitless):
			away = stayAway
			a.Log.Warn("leaving the chain to another anchor for a while", "error", err)
		case fault.Is(err, fault.Fatal), fault.Is(err, fault.Invalid):
			a.Log.Error("ALARM: the anchor has stopped and needs a person", "error", err)
			return err
		case fault.Is(err, fault.Conflict):
			a.Log.Debug("not active", "error", err)
		default:
			a.Log.Warn("the anchor tries again", "error", err)
		}
		pause(ctx, away)
	}
	return nil
}

// errFruitless gives the lease up. This anchor may be cut off from nodes or signer where another one is not, or sign with a key that
// was replaced while it has too few nodes to believe that.
var errFruitless = fault.New(fault.Conflict, "nothing came to its end for %s", fruitless)

func (a *Anchor) once(ctx context.Context, waiting *bool) error {
	lease, err := a.Journal.Acquire(ctx)
	if err != nil {
		if fault.Is(err, fault.Conflict) && !*waiting {
			*waiting = true
			a.Log.Info("standing by: another anchor is active")
		}
		return err
	}
	defer lease.Release(ctx)
	*waiting = false
	a.Log.Info("active", "epoch", lease.Epoch)
	a.Metrics.Active.Set(1)
	defer a.forget()
	err = a.act(ctx, lease)
	if !fault.Is(err, fault.Fatal) || ctx.Err() != nil {
		return err
	}
	// What looks wrong may be the work of an anchor that took over between the look at the journal and the look at the chain.
	held, leaseErr := a.Journal.Holds(ctx, lease.Epoch)
	switch {
	case leaseErr != nil:
		return fault.As(fault.Transient, errors.Join(err, leaseErr))
	case !held:
		return fault.New(fault.Conflict, "another anchor has taken over: %w", err)
	}
	return err
}

// act holds the lease until something ends it. The lease is watched beside the work: the epoch in every write is what makes
// that safe, the watch what makes it quick.
func (a *Anchor) act(ctx context.Context, lease *journal.Lease) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for pause(ctx, leaseCheck) {
			if err := lease.Check(ctx); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	group.Go(func() error {
		a.sent, a.floor, a.fruitful = make(map[common.Hash]sending), floor{}, time.Now()
		a.scope = journal.Scope{Epoch: lease.Epoch}
		if err := a.settleOnContract(ctx); err != nil {
			return err
		}
		acting := a.scope
		a.acting.Store(&acting)
		low, err := a.Journal.StartFloor(ctx, a.scope, lowSeqRotation)
		if err != nil {
			return err
		}
		a.floor.low, a.floor.next = low, low
		announcing, ctx := errgroup.WithContext(ctx)
		announcing.Go(func() error { return a.announce(ctx) })
		announcing.Go(func() error { return a.tick(ctx) })
		return announcing.Wait()
	})
	return group.Wait()
}

// tick looks and acts until nothing is left to do, then waits for the chain to move.
func (a *Anchor) tick(ctx context.Context) error {
	for {
		for range stepsAtOnce {
			again, err := a.Step(ctx)
			if err := a.persist(ctx, err); err != nil {
				return err
			}
			if !again || err != nil {
				break
			}
		}
		a.watchRate(ctx)
		if !pause(ctx, a.Set.Poll) {
			return ctx.Err()
		}
	}
}

// watchRate looks at the chain's block time once it is old: what was seen when the lease began may have been a slow hour, or a lie.
func (a *Anchor) watchRate(ctx context.Context) {
	if time.Since(a.rated) < rateAgain {
		return
	}
	if err := a.checkRate(ctx, false); err != nil && ctx.Err() == nil {
		a.Log.Info("the chain's block time can't be read, and is looked at again later", "error", err)
	}
}

// tolerate lets pass what the next look may find mended, and logs it.
func (a *Anchor) tolerate(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	switch fault.KindOf(err) {
	case fault.Fatal, fault.Invalid, fault.Forged, fault.Conflict:
		return err // Conflict: the lease may be gone; taking it anew starts from the journal
	case fault.Transient, fault.Unknown:
	}
	a.Log.Warn("the anchor tries again", "error", err)
	return nil
}

// persist is tolerate for what the lease is held for: it must bear fruit now and then. What stops the anchor does so when several
// looks in a row lead to it.
func (a *Anchor) persist(ctx context.Context, err error) error {
	if err == nil {
		a.fruitful = time.Now()
	}
	if harm := fault.Is(err, fault.Fatal) || fault.Is(err, fault.Invalid); !a.stops.note(err) && harm && ctx.Err() == nil {
		a.Log.Error("ALARM: the anchor does nothing, and stops unless the next looks at the chain show otherwise",
			"look", a.stops.looks, "stops_at", haltLooks, "error", err)
		return nil // others would come to the same, or the next look tells
	}
	if harm := a.tolerate(ctx, err); harm != nil {
		return harm
	}
	if time.Since(a.fruitful) >= fruitless {
		return fmt.Errorf("%w: %w", errFruitless, err)
	}
	return nil
}

func (a *Anchor) announce(ctx context.Context) error {
	announcer := announce.Announcer{
		Journal: a.Journal, Bus: a.Bus, Safe: a.safe.Load,
		Place: announce.Place{
			Deployment: a.scope.Deployment, ChainID: a.id.ChainID.Uint64(), Contract: a.contract, Finality: a.Set.Finality, Epoch: a.scope.Epoch,
		},
	}
	for {
		if err := a.tolerate(ctx, announcer.Catch(ctx)); err != nil {
			return err
		}
		if !pause(ctx, min(a.Set.Poll, time.Second)) {
			return ctx.Err()
		}
	}
}

// checkRate refuses settings under which batches could never keep up, at the first start on a chain. Later it only warns: a chain
// that has been slow for a few minutes is no reason to stop anchoring what there is.
func (a *Anchor) checkRate(ctx context.Context, first bool) error {
	a.rated = time.Now()
	blockTime, known, err := a.Chain.BlockTime(ctx)
	if err != nil {
		return err
	}
	if !known {
		blockTime = fallbackBlock
	}
	slow := time.Duration(a.Set.PeakPerSecond)*blockTime >= time.Duration(a.Set.Limits.BatchMax)*time.Second
	if !slow {
		a.Metrics.TooSlow.Set(0)
		return nil
	}
	a.Metrics.TooSlow.Set(1)
	err = fault.New(fault.Invalid, "ANCHOR_BATCH_MAX (%d) over the block time (%s) is not more than PEAK_SALES_PER_SECOND (%d): batches could not keep up",
		a.Set.Limits.BatchMax, blockTime, a.Set.PeakPerSecond)
	if first {
		return err
	}
	if now := time.Now(); now.Sub(a.warnedRate) >= warnAgain {
		a.warnedRate = now
		a.Log.Warn("ALARM: the settings are too small for the chain as it is now", "error", err)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// GweiToWei converts a fee ceiling.
func GweiToWei(gwei uint64) *big.Int {
	return new(big.Int).Mul(new(big.Int).SetUint64(gwei), big.NewInt(params.GWei))
}
