package active

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/crash"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

var errContractGone = errors.New("the contract is gone from the chain")

// Step looks at journal and chain, decides and acts once. It reports whether there may be more to do at once.
func (a *Anchor) Step(ctx context.Context) (again bool, err error) {
	var whole bool
	a.scope.LowSeq, whole = a.floor.start(time.Now())
	state, floor, err := a.Journal.State(ctx, a.scope, a.Set.Limits.BatchMax)
	if err != nil {
		return false, err
	}
	a.floor.move(floor, whole, time.Now())
	if err := a.note(ctx, a.scope.Deployment, state); err != nil {
		return false, err
	}
	for i := range state.Open {
		a.remember(state.Open[i].Attempts, state.Now)
	}
	sight, err := a.Chain.Look(ctx, a.contract, a.Signer.Address(), state.Open)
	if err != nil {
		return false, err
	}
	if !sight.CodeIsOurs {
		// Leaving the lease starts over from settleOnContract, which knows what the operator allows.
		return false, fault.As(fault.Conflict, errContractGone)
	}
	a.lower(sight.Head.Number)
	a.report(sight)
	lacksSince := a.lacks.since(state.Now)
	sight.LacksSince = lacksSince
	next := a.confirmed(sight, step.Next(state, sight.View, a.Set.Limits, state.Now), func() (others []step.Step) {
		for _, other := range a.Chain.Witnesses(ctx, sight, a.contract, a.Signer.Address(), state.Open) {
			other.LacksSince = lacksSince
			others = append(others, step.Next(state, other.View, a.Set.Limits, state.Now))
		}
		return others
	})
	a.lacks.note(next, state.Now)
	a.safe.Store(safeAfter(next, sight))
	switch next.(type) {
	case step.Wait:
		return false, nil
	case step.Sign, step.Send:
		return false, a.do(ctx, next, state, sight) // now the chain has to move
	}
	return true, a.do(ctx, next, state, sight)
}

// safeAfter is the safe height that may be announced by. It speaks of the chain that was looked at: as long as the journal has
// batches elsewhere, nothing is safe.
func safeAfter(next step.Step, sight chain.Sight) uint64 {
	switch next.(type) {
	case step.Unsettle, step.Doubt, step.Halt:
		return 0
	}
	return sight.Safe
}

func (a *Anchor) do(ctx context.Context, next step.Step, state step.Journal, sight chain.Sight) error {
	switch s := next.(type) {
	case step.Seal:
		size, err := a.Journal.Seal(ctx, a.scope, state.LastID+1, a.Set.Limits.BatchMax)
		crash.At("batch sealed, not signed")
		if err == nil {
			a.Log.Info("batch sealed", "batch_id", state.LastID+1, "size", size)
		}
		return err
	case step.Sign:
		return a.signBatch(ctx, s, sight)
	case step.Send:
		if err := a.send(ctx, s.Attempt.Hash, sight); err != nil {
			return err
		}
		return a.recordBroadcast(ctx, s.Batch, s.Attempt.Hash, s.Attempt.Nonce)
	case step.Settle:
		crash.At("batch mined, not noted")
		a.Log.Info("batch mined", "batch_id", s.BatchID, "block_number", s.Block.Number, "tx_hash", s.TxHash.Hex())
		return a.Journal.Record(ctx, a.scope, journal.Move{
			BatchID: s.BatchID, To: event.BatchMined, TxHash: &s.TxHash, Block: &s.Block,
			From: []event.BatchState{event.BatchSealed, event.BatchBroadcast, event.BatchReorged},
		})
	case step.Unsettle:
		return a.unsettle(ctx, s.BatchIDs)
	case step.Finish:
		return a.finish(ctx, s.Batches)
	case step.Doubt, step.Halt:
		return faultOf(s)
	}
	return fault.New(fault.Fatal, "the step %T is unknown", next)
}

// unsettle goes from the highest batch down: cut off in between, those that are journaled as mined are the lower ones still.
func (a *Anchor) unsettle(ctx context.Context, ids []uint64) error {
	for _, id := range slices.Backward(ids) {
		a.Log.Warn("a reorg took a batch's block", "batch_id", id)
		err := a.Journal.Record(ctx, a.scope, journal.Move{BatchID: id, To: event.BatchReorged, From: []event.BatchState{event.BatchMined}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Anchor) finish(ctx context.Context, batches []step.Batch) error {
	for _, b := range batches {
		crash.At("batch final, not noted")
		a.Log.Info("batch final", "batch_id", b.ID)
		for _, attempt := range b.Attempts {
			delete(a.sent, attempt.Hash)
		}
		err := a.Journal.Record(ctx, a.scope, journal.Move{
			BatchID: b.ID, To: event.BatchFinal, TxHash: &b.MinedTx, Block: &b.Mined, From: []event.BatchState{event.BatchMined},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// signBatch journals and sends a transaction for a batch. It is tried at the very block that the decision saw: would the
// contract refuse it, nothing is sent and a person must look.
func (a *Anchor) signBatch(ctx context.Context, s step.Sign, sight chain.Sight) error {
	data := binding.NewSaleAnchor().PackAnchor(s.Batch.ID, s.Batch.Root, uint32(s.Batch.Size))
	if err := a.Chain.Dry(ctx, sight, a.Signer.Address(), &a.contract, anchorGas, data); err != nil {
		return err
	}
	hash, err := a.signAndSend(ctx, s, sight, &a.contract, data)
	if err != nil || hash == (common.Hash{}) {
		return err
	}
	return a.recordBroadcast(ctx, s.Batch, hash, s.Nonce)
}

func (a *Anchor) recordBroadcast(ctx context.Context, b step.Batch, hash common.Hash, nonce uint64) error {
	if b.State == event.BatchBroadcast {
		return nil // said when it was first sent
	}
	crash.At("batch sent, not noted")
	a.Log.Info("batch broadcast", "batch_id", b.ID, "nonce", nonce, "tx_hash", hash.Hex())
	return a.Journal.Record(ctx, a.scope, journal.Move{
		BatchID: b.ID, To: event.BatchBroadcast, TxHash: &hash, Nonce: &nonce, From: []event.BatchState{event.BatchSealed, event.BatchReorged},
	})
}
