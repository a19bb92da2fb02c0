// Package active is the one anchor that acts: it reads the journal and the chain, asks package step what to do, and does it. What it
// learns under a lease is dropped with the lease; see tenure.
package active

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/services/anchor/internal/budget"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/wait"
)

// Signer signs for one account.
type Signer interface {
	Address() common.Address
	Sign(ctx context.Context, tx *types.DynamicFeeTx, chainID *big.Int) (*types.Transaction, error)
}

// Settings are the operator's, checked.
type Settings struct {
	Limits        step.Limits      // BatchAge is filled in from Budget at each check
	Budget        budget.Settings  // an Age of 0 is the usual one
	Rules         step.DeployRules // Development and OtherGenesis are filled in from the chain
	Given         common.Address   // ANCHOR_CONTRACT; zero for none
	Owner         common.Address   // of a contract that is deployed
	Finality      string           // latest, safe or finalized
	FeeCapWei     *big.Int         // per unit of gas, as long as no sale is old
	FeeHardWei    *big.Int         // per unit of gas, ever
	FeeRiseAfter  time.Duration    // how long after its batch was due the oldest unanchored sale makes the cap rise
	Poll          time.Duration    // between two checks of the chain
	PeakPerSecond int
	PromiseWithin time.Duration // PROMISE_WITHIN: from a sale's record to its batch's block
	PlainKey      bool          // the key comes from the environment, which is allowed on a development chain only
}

const (
	standbyRetry = time.Second      // how often a standby tries for the lease
	stayAway     = 10 * time.Second // from a lease that was given up as fruitless: longer than standbyRetry, so that a standby gets it
)

// Parts are what an Anchor works with. Signer may be set later, before Run.
type Parts struct {
	Journal *journal.Journal
	Chain   *chain.Client
	Signer  Signer
	Bus     *stream.Bus
	Log     *slog.Logger
	Set     Settings
	Metrics *Metrics
}

// Anchor runs the active side of the service. It owns what lives with the process; a tenure owns what lives with one lease.
type Anchor struct {
	Parts

	backlog    atomic.Pointer[backlog]
	ages       ages
	warnedHeld rate.Sometimes         // that no batch is sealed
	age        atomic.Int64           // how long batches wait at present, as a time.Duration: so old a sale becomes as a matter of course
	acting     atomic.Pointer[acting] // the present tenure's, once it has a contract; nil while this replica stands by

	// Only the present tenure uses the fields below. They outlive the lease on purpose: stopping for good takes several checks in a row,
	// or half an hour of them, and a lease under which nothing can be completed is given up after half a minute.
	lacks lacking
	stops stopping
	sight sighting

	// These do too: a new lease is no reason to repeat an alarm.
	warnedLow     rate.Sometimes // that the account is low
	warnedRate    rate.Sometimes // that batches are too small
	warnedPromise rate.Sometimes // that promises can't be kept
	warnedBudget  rate.Sometimes // that the budget can't hold
}

// New makes an Anchor from its parts.
func New(parts Parts) *Anchor {
	alarm := func() rate.Sometimes { return rate.Sometimes{Interval: warnAgain} }
	return &Anchor{Parts: parts, warnedHeld: alarm(), warnedLow: alarm(), warnedRate: alarm(), warnedPromise: alarm(), warnedBudget: alarm()}
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
			a.Log.Warn("giving up the lease for a while, so that another anchor can try", "error", err)
		case fault.Is(err, fault.Fatal), fault.Is(err, fault.Invalid):
			a.Log.Error("ALARM: the anchor has stopped and needs a person", "error", err)
			return err
		case fault.Is(err, fault.Conflict):
			a.Log.Debug("not active", "error", err)
		default:
			a.Log.Warn("the anchor will try again", "error", err)
		}
		wait.Pause(ctx, away)
	}
	return nil
}

// once tries for the lease and acts for as long as it is held. waiting keeps the log from repeating at each try that another is active.
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
	t := a.begin(lease)
	defer t.end()
	return t.run(ctx)
}

// GweiToWei converts a fee ceiling.
func GweiToWei(gwei uint64) *big.Int {
	return new(big.Int).Mul(new(big.Int).SetUint64(gwei), big.NewInt(params.GWei))
}
