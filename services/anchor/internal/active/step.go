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

// advance reads journal and chain, decides and acts once. It reports whether there may be more to do at once.
func (t *tenure) advance(ctx context.Context) (again bool, err error) {
	var whole bool
	t.scope.LowSeq, whole = t.floor.start(time.Now())
	state, floor, err := t.anchor.Journal.State(ctx, t.scope, t.anchor.Set.Limits.BatchMax)
	if err != nil {
		return false, err
	}
	t.floor.move(floor, whole, time.Now())
	if err := t.anchor.note(ctx, t.scope.Deployment, state); err != nil {
		return false, err
	}
	for i := range state.Open {
		t.sent.remember(state.Open[i].Attempts, state.Now)
	}
	sight, err := t.anchor.Chain.Look(ctx, t.contract, t.anchor.Signer.Address(), state)
	if err != nil {
		return false, err
	}
	if !sight.CodeIsOurs {
		// Giving up the lease starts over from findContract, which knows what the operator allows.
		return false, fault.WithKind(fault.Conflict, errContractGone)
	}
	t.sent.lower(sight.Head.Number)
	costs := t.outlook(ctx, sight)
	limits := t.anchor.Set.Limits
	limits.BatchAge = costs.Age
	t.report(sight, costs)
	lacksSince := t.anchor.lacks.since(state.Now)
	sight.LacksSince = lacksSince
	next := t.anchor.confirmed(sight, step.Next(state, sight.View, limits, state.Now), func() (others []step.Step) {
		for _, other := range t.anchor.Chain.Witnesses(ctx, sight, t.contract, t.anchor.Signer.Address(), state) {
			other.LacksSince = lacksSince
			others = append(others, step.Next(state, other.View, limits, state.Now))
		}
		return others
	})
	t.anchor.lacks.note(next, state.Now)
	next = t.named(ctx, next, sight)
	if err := t.retract(ctx, next); err != nil {
		return false, err
	}
	t.safe.Store(safeAfter(next, sight))
	switch next.(type) {
	case step.Wait:
		return false, nil
	case step.Sign, step.Send:
		return false, t.do(ctx, next, state, sight) // now the chain has to move
	}
	return true, t.do(ctx, next, state, sight)
}

// safeAfter is the height up to which batches may be announced as safe. It is that of the chain as just read: as long as the journal
// has batches in other blocks, nothing is safe.
func safeAfter(next step.Step, sight chain.Sight) uint64 {
	switch next.(type) {
	case step.Reorged, step.Doubt, step.Halt:
		return 0
	}
	return sight.Safe
}

func (t *tenure) do(ctx context.Context, next step.Step, state step.Journal, sight chain.Sight) error {
	switch s := next.(type) {
	case step.Seal:
		size, err := t.anchor.Journal.Seal(ctx, t.scope, state.LastID+1, t.anchor.Set.Limits.BatchMax)
		crash.At("batch sealed, not signed")
		if err == nil {
			t.anchor.Log.Info("batch sealed", "batch_id", state.LastID+1, "size", size)
		}
		return err
	case step.Sign:
		return t.signBatch(ctx, s, sight)
	case step.Send:
		if err := t.send(ctx, s.Attempt.Hash, sight); err != nil {
			return err
		}
		return t.recordBroadcast(ctx, s.Batch, s.Attempt.Hash, s.Attempt.Nonce)
	case step.Mined:
		crash.At("batch mined, not journaled")
		t.anchor.Log.Info("batch mined", "batch_id", s.BatchID, "block_number", s.Block.Number, "tx_hash", s.TxHash.Hex())
		if s.BatchID == 1 { // a reorg that moved the deploy transaction has moved this one, too
			if err := t.noteDeployed(ctx); err != nil {
				return err
			}
		}
		if err := t.anchor.Journal.Record(ctx, t.scope, journal.Move{
			BatchID: s.BatchID, To: event.BatchMined, TxHash: &s.TxHash, Block: &s.Block,
			From: []event.BatchState{event.BatchSealed, event.BatchBroadcast, event.BatchReorged},
		}); err != nil {
			return err
		}
		for _, b := range state.Open {
			if b.ID == s.BatchID {
				t.keepCosts(ctx, b.ID, ofMined(b, s.TxHash))
			}
		}
		return nil
	case step.Reorged:
		return t.recordReorg(ctx, s.BatchIDs)
	case step.Final:
		return t.recordFinal(ctx, s.Batches)
	case step.Doubt, step.Halt:
		return faultOf(s)
	}
	return fault.New(fault.Fatal, "the step %T is unknown", next)
}

// recordReorg goes from the highest batch down: if it is interrupted, the batches still journaled as mined are the lower ones.
func (t *tenure) recordReorg(ctx context.Context, ids []uint64) error {
	for _, id := range slices.Backward(ids) {
		t.anchor.Log.Warn("a reorg took a batch's block", "batch_id", id)
		err := t.anchor.Journal.Record(ctx, t.scope, journal.Move{BatchID: id, To: event.BatchReorged, From: []event.BatchState{event.BatchMined}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tenure) recordFinal(ctx context.Context, batches []step.Batch) error {
	for _, b := range batches {
		crash.At("batch final, not journaled")
		t.anchor.Log.Info("batch final", "batch_id", b.ID)
		for _, attempt := range b.Attempts {
			delete(t.sent, attempt.Hash)
		}
		err := t.anchor.Journal.Record(ctx, t.scope, journal.Move{
			BatchID: b.ID, To: event.BatchFinal, TxHash: &b.MinedTx, Block: &b.Mined, From: []event.BatchState{event.BatchMined},
		})
		if err != nil {
			return err
		}
		t.keepCosts(ctx, b.ID, t.notCosted(ctx, b.Attempts)) // each at a nonce of its own may have been mined as well, and failed
	}
	return nil
}

// signBatch journals and sends a transaction for a batch. First it is tried at the very block that the decision was based on: if the
// contract would refuse it, nothing is sent and a person must decide.
func (t *tenure) signBatch(ctx context.Context, s step.Sign, sight chain.Sight) error {
	data := binding.NewSaleAnchor().PackAnchor(s.Batch.ID, s.Batch.Root, uint32(s.Batch.Size))
	if err := t.anchor.Chain.Dry(ctx, sight, t.anchor.Signer.Address(), &t.contract, gasLimit(s.Batch.ID), data); err != nil {
		return err
	}
	hash, err := t.signAndSend(ctx, s, sight, &t.contract, data)
	if err != nil || hash == (common.Hash{}) {
		return err
	}
	return t.recordBroadcast(ctx, s.Batch, hash, s.Nonce)
}

func (t *tenure) recordBroadcast(ctx context.Context, b step.Batch, hash common.Hash, nonce uint64) error {
	if b.State == event.BatchBroadcast {
		return nil // journaled when it was first sent
	}
	crash.At("batch sent, not journaled")
	t.anchor.Log.Info("batch broadcast", "batch_id", b.ID, "nonce", nonce, "tx_hash", hash.Hex())
	return t.anchor.Journal.Record(ctx, t.scope, journal.Move{
		BatchID: b.ID, To: event.BatchBroadcast, TxHash: &hash, Nonce: &nonce, From: []event.BatchState{event.BatchSealed, event.BatchReorged},
	})
}
