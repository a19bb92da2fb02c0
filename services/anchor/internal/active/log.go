package active

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

// What is served of a log is the contract's (infra/docs/CONTRACT.md, 4.3): where it has batches that are not the journal's, they are taken from
// their events, so that the paths of all others go on leading to its root.
const (
	searchMax     = 5 * time.Minute // for reading a contract's events back to where its log is known
	followEvery   = time.Minute     // how often the contracts of earlier deployments are looked at
	foreignAtOnce = 10_000          // batches that are journaled in one transaction: a few megabytes
)

// named names the first batch that differs in a Halt over the contract's log, and journals what that log has.
func (t *tenure) named(ctx context.Context, next step.Step, sight chain.Sight) step.Step {
	halt, ok := next.(step.Halt)
	if !ok || !halt.Log {
		return next
	}
	first, err := t.takeLog(ctx, t.scope.Deployment, chain.LogSight{Sight: sight, Contract: t.contract})
	switch {
	case fault.Is(err, fault.Fatal):
		return step.Halt{Reason: err.Error()} // it is the journal that differs from itself
	case err != nil:
		t.anchor.Log.Warn("which batches are not ours could not be read from the contract's events", "error", err)
		return next
	}
	t.sighted = true
	halt.Reason = fmt.Sprintf("%s; the first batch that differs is %d", halt.Reason, first)
	return halt
}

// takeLog journals what a deployment's contract has in its log, unless that is journaled already, and returns the first batch that is
// not the journal's.
func (t *tenure) takeLog(ctx context.Context, deployment int64, s chain.LogSight) (first uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, searchMax)
	defer cancel()
	size := s.NextBatchID - 1
	known, err := t.anchor.Journal.Extent(ctx, deployment)
	switch {
	case err != nil:
		return 0, err
	case size < known.Final || s.NextBatchID == 0:
		return 0, fault.New(fault.Transient, "deployment %d's contract holds fewer batches than are final: the node is still syncing or on a fork", deployment)
	case known.Size == size && known.Root == s.LogRoot:
		return known.Ours + 1, nil
	}
	ours, foreign, err := t.foreign(ctx, deployment, known, s)
	if err != nil {
		return 0, err
	}
	last := journaled(known, ours, foreign)
	foreign = slices.DeleteFunc(foreign, func(f journal.Foreign) bool { return f.ID <= last })
	for part := range slices.Chunk(foreign, foreignAtOnce) { // each leaves a log that the contract had
		if err := t.anchor.Journal.Sight(ctx, t.lease.Epoch, deployment, ours, part[len(part)-1].ID, part); err != nil {
			return 0, err
		}
	}
	if len(foreign) == 0 {
		return ours + 1, t.anchor.Journal.Sight(ctx, t.lease.Epoch, deployment, ours, size, nil)
	}
	t.anchor.Log.Error("ALARM: a contract's log has batches that are not this journal's", "deployment", deployment, "contract", s.Contract.Hex(),
		"from_batch", foreign[0].ID, "to_batch", size, "tx_hash", foreign[0].TxHash.Hex())
	return ours + 1, nil
}

// journaled is up to which batch the foreign ones are those that the journal has already: one root tells for all below it.
func journaled(known journal.Extent, ours uint64, foreign []journal.Foreign) uint64 {
	for _, f := range foreign {
		if f.ID == known.Size && f.LogRoot == known.Root && ours == known.Ours {
			return known.Size
		}
	}
	return 0
}

// foreign finds how many of the first batches in a contract's log are the journal's, and reads those after them that are not journaled as
// foreign, ascending.
func (t *tenure) foreign(ctx context.Context, deployment int64, known journal.Extent, s chain.LogSight) (ours uint64, all []journal.Foreign, err error) {
	whole, err := t.anchor.Journal.LogAfter(ctx, deployment, s.NextBatchID-1)
	if err != nil || whole != nil && whole.Root() == s.LogRoot {
		return s.NextBatchID - 1, nil, err
	}
	lowest, _, err := t.anchor.Journal.DeployedBlock(ctx, deployment)
	if err != nil {
		return 0, nil, err
	}
	err = t.anchor.Chain.Batches(ctx, s, lowest, func(found []chain.Found) (done bool, err error) {
		below := found[len(found)-1].ID - 1
		log, err := t.anchor.Journal.LogAfter(ctx, deployment, below)
		if err != nil {
			return false, err
		}
		if all, err = continued(log, found, s); len(all) > 0 || err != nil {
			ours = below
			return true, err
		}
		if below <= known.Ours || below > known.Size {
			return false, nil
		}
		if log, err = t.anchor.Journal.ForeignLogAfter(ctx, deployment, below); err != nil {
			return false, err
		}
		all, err = continued(log, found, s)
		ours = known.Ours
		return len(all) > 0, err
	})
	if err != nil || ours == known.Ours && known.Ours < all[0].ID-1 {
		return ours, all, err
	}
	for len(all) > 0 {
		own, there, err := t.anchor.Journal.Batch(ctx, deployment, all[0].ID)
		switch {
		case err != nil:
			return 0, nil, err
		case !there || own != all[0].Batch:
			return ours, all, nil
		}
		ours, all = ours+1, all[1:]
	}
	return 0, nil, fault.New(fault.Fatal, "deployment %d's contract has the batches of the journal, and another log of them: the journal was changed", deployment)
}

// continued is a log, nil for none, gone on with the batches that were found, which are descending; none if that is not the contract's.
func continued(log *batchlog.Log, found []chain.Found, s chain.LogSight) (all []journal.Foreign, err error) {
	if log == nil {
		return nil, nil
	}
	for _, f := range slices.Backward(found) {
		row, err := log.Append(f.Batch)
		if err != nil {
			return nil, err
		}
		all = append(all, journal.Foreign{Batch: f.Batch, LogRoot: log.Root(), Row: row, TxHash: f.TxHash, Block: f.Block})
	}
	if log.Root() != s.LogRoot {
		return nil, nil
	}
	return all, nil
}

// retract journals that the contract's log is the journal's again, after it was seen not to be.
func (t *tenure) retract(ctx context.Context, next step.Step) error {
	switch next.(type) {
	case step.Halt, step.Doubt:
		return nil
	}
	if !t.sighted {
		return nil
	}
	if err := t.anchor.Journal.Unsight(ctx, t.lease.Epoch, t.scope.Deployment); err != nil {
		return err
	}
	t.sighted = false
	return nil
}

// follow looks after the logs of earlier deployments, at which nobody anchors for us any more: somebody else may, and what was sent last
// may have been mined since.
func (t *tenure) follow(ctx context.Context) error {
	for {
		if err := t.tolerate(ctx, t.lookAtOthers(ctx)); err != nil {
			return err
		}
		if !wait.Pause(ctx, followEvery) {
			return ctx.Err()
		}
	}
}

func (t *tenure) lookAtOthers(ctx context.Context) error {
	all, _, err := t.anchor.Journal.Contracts(ctx, t.id.ChainID)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range all {
		if c.ID == t.scope.Deployment || c.Retired || c.Genesis != t.id.Genesis || c.Contract == t.contract {
			continue
		}
		if err := t.lookAt(ctx, c); err != nil {
			if fault.Is(err, fault.Fatal) {
				t.anchor.Log.Error("ALARM: the journal of an earlier deployment was changed", "deployment", c.ID, "error", err)
			}
			errs = append(errs, fault.New(fault.Transient, "look at deployment %d: %w", c.ID, err)) // an earlier deployment stops nothing
		}
	}
	return errors.Join(errs...)
}

func (t *tenure) lookAt(ctx context.Context, c journal.Contract) error {
	s, err := t.anchor.Chain.LookAtLog(ctx, c.Contract)
	if err != nil || !s.CodeIsOurs {
		return err
	}
	_, err = t.takeLog(ctx, c.ID, s)
	return err
}

// noteDeployed journals from which block on the contract can have events: that of its deploy transaction, which a reorg can move.
func (t *tenure) noteDeployed(ctx context.Context) error {
	before, known, err := t.anchor.Journal.DeployedBlock(ctx, t.scope.Deployment)
	if err != nil || known && t.deployment.Given {
		return err
	}
	t.keepCosts(ctx, 0, t.deployment.Attempts)
	block, found, err := t.anchor.Chain.MinedAt(ctx, t.deployment.Attempts)
	if err != nil || known && (!found || block == before) {
		return err
	}
	return t.anchor.Journal.SetDeployedBlock(ctx, t.lease.Epoch, t.scope.Deployment, block) // 0, and so right, where no receipt tells
}
