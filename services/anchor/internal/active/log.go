package active

import (
	"context"
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
	searchMax   = 5 * time.Minute // for reading a contract's events back to where its log is known
	followEvery = time.Minute     // how often the contracts of earlier deployments are looked at
)

// named names the first batch that differs in a Halt over the contract's log, and journals what that log has.
func (t *tenure) named(ctx context.Context, next step.Step, sight chain.Sight) step.Step {
	halt, ok := next.(step.Halt)
	if !ok || !halt.Log {
		return next
	}
	first, err := t.takeLog(ctx, t.scope.Deployment, chain.LogSight{Sight: sight, Contract: t.contract})
	if err != nil {
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
	if err != nil {
		return 0, err
	}
	if known.Size == size && known.Root == s.LogRoot {
		return known.Ours + 1, nil
	}
	foreign, err := t.foreign(ctx, deployment, s)
	if err != nil {
		return 0, err
	}
	ours := size - uint64(len(foreign))
	if err := t.anchor.Journal.Sight(ctx, t.lease.Epoch, deployment, ours, size, foreign); err != nil {
		return 0, err
	}
	if len(foreign) > 0 {
		t.anchor.Log.Error("ALARM: a contract's log has batches that are not this journal's", "deployment", deployment, "contract", s.Contract.Hex(),
			"from_batch", ours+1, "to_batch", size, "tx_hash", foreign[0].TxHash.Hex())
	}
	return ours + 1, nil
}

// foreign reads the batches in a contract's log that are not the journal's, ascending; none when all are.
func (t *tenure) foreign(ctx context.Context, deployment int64, s chain.LogSight) ([]journal.Foreign, error) {
	whole, err := t.anchor.Journal.LogAfter(ctx, deployment, s.NextBatchID-1)
	if err != nil || whole != nil && whole.Root() == s.LogRoot {
		return nil, err
	}
	lowest, _, err := t.anchor.Journal.DeployedBlock(ctx, deployment)
	if err != nil {
		return nil, err
	}
	var all []journal.Foreign
	err = t.anchor.Chain.Batches(ctx, s, lowest, func(found []chain.Found) (done bool, err error) {
		all, err = t.continued(ctx, deployment, found)
		return len(all) > 0 && all[len(all)-1].LogRoot == s.LogRoot, err
	})
	if err != nil {
		return nil, err
	}
	for len(all) > 0 {
		own, there, err := t.anchor.Journal.Batch(ctx, deployment, all[0].ID)
		switch {
		case err != nil:
			return nil, err
		case !there || own != all[0].Batch:
			return all, nil
		}
		all = all[1:]
	}
	return nil, fault.New(fault.Fatal, "deployment %d's contract has the batches of the journal, and another log of them: the journal was changed", deployment)
}

// continued is the journal's log, gone on with the batches that were found, which are descending; none if the journal does not reach them.
func (t *tenure) continued(ctx context.Context, deployment int64, found []chain.Found) (all []journal.Foreign, err error) {
	log, err := t.anchor.Journal.LogAfter(ctx, deployment, found[len(found)-1].ID-1)
	if log == nil || err != nil {
		return nil, err
	}
	for _, f := range slices.Backward(found) {
		var row batchlog.Row
		if row, err = log.Append(f.Batch); err != nil {
			return nil, err
		}
		all = append(all, journal.Foreign{Batch: f.Batch, LogRoot: log.Root(), Row: row, TxHash: f.TxHash, Block: f.Block})
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
	for _, c := range all {
		if c.ID == t.scope.Deployment || c.Retired || c.Genesis != t.id.Genesis || c.Contract == t.contract {
			continue
		}
		s, err := t.anchor.Chain.LookAtLog(ctx, c.Contract)
		if err != nil {
			return err
		}
		if !s.CodeIsOurs {
			continue
		}
		if _, err := t.takeLog(ctx, c.ID, s); err != nil {
			return fault.WithKind(fault.Transient, err) // an earlier deployment stops nothing
		}
	}
	return nil
}

// noteDeployed journals from which block on the contract can have events: that of its deploy transaction, which a reorg can move.
func (t *tenure) noteDeployed(ctx context.Context) error {
	before, known, err := t.anchor.Journal.DeployedBlock(ctx, t.scope.Deployment)
	if err != nil || known && t.deployment.Given {
		return err
	}
	if err := t.keepCosts(ctx, 0, t.deployment.Attempts); err != nil {
		return err
	}
	block, found, err := t.anchor.Chain.MinedAt(ctx, t.deployment.Attempts)
	if err != nil || known && (!found || block == before) {
		return err
	}
	return t.anchor.Journal.SetDeployedBlock(ctx, t.lease.Epoch, t.scope.Deployment, block) // 0, and so right, where no receipt tells
}
