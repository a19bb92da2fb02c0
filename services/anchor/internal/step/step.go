// Package step decides what the anchor does next. Pure: journal, chain and clock come in, one step goes out; start-up and
// every tick use it alike.
package step

import (
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/shared/event"
)

// Block names one block.
type Block struct {
	Number uint64
	Hash   common.Hash
}

// Attempt is a signed transaction whose bytes are journaled.
type Attempt struct {
	Hash     common.Hash
	Sender   common.Address // whose nonce it takes: after a rotation of the key not the present one
	Nonce    uint64
	Fee      fee.Fee
	SignedAt time.Time
	SentAt   time.Time // under the present lease, by the journal's clock; zero when the lease begins, so that it is sent at once
	SentHead uint64    // height of the chain when it was sent first
}

// Batch is a sealed batch that is not final yet.
type Batch struct {
	ID       uint64
	Root     common.Hash
	Size     int
	LogRoot  common.Hash // of the log of the batches up to this one
	State    event.BatchState
	Mined    Block // where the journal has it, when State is mined
	MinedTx  common.Hash
	SealedAt time.Time
	Attempts []Attempt // oldest first
}

// Journal is what the anchor knows by itself.
type Journal struct {
	Now     time.Time // by the journal's clock, like all its times
	LastID  uint64    // of the batches sealed for this deployment; 0 for none
	Open    []Batch   // sealed and not final, ascending by ID
	Waiting Waiting   // leaves for the next batch

	FinalRoot common.Hash // of the log of the final batches, those below Open; zero when there is none
}

// logRoot is the root of the log of the journal's first batches; false for one of fewer than are final, or of more than are sealed.
func (j Journal) logRoot(size uint64) (common.Hash, bool) {
	if size+1 == lowestOpen(j) {
		return j.FinalRoot, true
	}
	for _, b := range j.Open {
		if b.ID == size {
			return b.LogRoot, true
		}
	}
	return common.Hash{}, false
}

// Ours reports whether all batches in the contract's log are the journal's: one root pins them all.
func (j Journal) Ours(c View) bool {
	root, known := j.logRoot(c.NextBatchID - 1)
	return known && root == c.LogRoot
}

// Waiting describes the leaves that are in no batch.
type Waiting struct {
	Count  int
	Oldest time.Time // when the first of them was journaled
}

// Anchored is where the chain has a batch of ours: the transaction that put it into the contract's log.
type Anchored struct {
	TxHash common.Hash
	Block  Block
}

// View is the chain as one block shows it.
type View struct {
	Head        Block
	Sure        bool                // most of the configured nodes have this block; on the word of fewer nothing counts as final or as wrong
	Finalized   uint64              // height
	NextBatchID uint64              // the contract's, one more than its log has batches
	LogRoot     common.Hash         // of the contract's log
	Anchorer    common.Address      // the contract's: the only account that it accepts batches from
	Sender      common.Address      // the account that this anchor signs for
	Nonce       uint64              // of the sender's next transaction
	Anchored    map[uint64]Anchored // of the open batches below NextBatchID, those that were read; see Next
	Past        Outcomes            // of Retried
	LacksSince  time.Time           // since when each check lacks final batches; zero when the last one did not
}

// Outcomes are what became of attempts, by their own receipts.
type Outcomes struct {
	Succeeded bool // one was mined and succeeded
	Reverted  int  // nonces at which one was mined and failed
}

// Retried are the attempts of the batch that Next would sign at a further nonce, none when it would not: only then is it worth asking
// what became of them.
func Retried(open []Batch, c View) []Attempt {
	for _, b := range open {
		if b.ID >= c.NextBatchID {
			if latest(b.Attempts, c.Sender, c.Nonce) == nil {
				return b.Attempts
			}
			break
		}
	}
	return nil
}

// Limits are the waits and counts that decide; all are checked when the service starts.
type Limits struct {
	BatchMax    int           // leaves at which a batch is sealed at once
	BatchAge    time.Duration // how long the oldest leaf waits for others
	BumpAfter   time.Duration // how long an attempt may stay unmined before its fee is raised
	ResendAfter time.Duration // how often an unmined attempt is sent again, since pools drop transactions
	LacksMax    time.Duration // how long a chain may lack final batches, as nodes do that still sync
	OpenMax     int           // batches that are not final, beyond which no more are sealed: a chain that never finalizes gets no more money
}

// Step is the decision what to do next: Seal, Sign, Send, Mined, Reorged, Final, Doubt, Halt or Wait.
type Step interface{ step() }

type (
	// Seal makes the next batch from the waiting leaves.
	Seal struct{}
	// Sign journals a new transaction for a batch. With Replaces it takes that attempt's nonce and a higher fee.
	Sign struct {
		Batch    Batch
		Nonce    uint64
		Replaces *Attempt
	}
	// Send broadcasts a journaled transaction.
	Send struct {
		Batch   Batch
		Attempt Attempt
	}
	// Mined has the journal record that a batch is mined.
	Mined struct {
		BatchID uint64
		TxHash  common.Hash
		Block   Block
	}
	// Reorged has the journal record that mined batches, ascending, are no longer in their blocks.
	Reorged struct{ BatchIDs []uint64 }
	// Final has the journal record that batches, ascending, can no longer be undone.
	Final struct{ Batches []Batch }
	// Doubt does nothing: what the chain shows is impossible, and a node will show something else once it has caught up.
	Doubt struct {
		Reason string
		Lacks  bool // the contract lacks final batches
	}
	// Halt stops the anchor until a person decides.
	Halt struct {
		Reason string
		Log    bool // the contract's log is not the journal's
	}
	// Wait changes nothing.
	Wait struct{}
)

func (Seal) step()    {}
func (Sign) step()    {}
func (Send) step()    {}
func (Mined) step()   {}
func (Reorged) step() {}
func (Final) step()   {}
func (Doubt) step()   {}
func (Halt) step()    {}
func (Wait) step()    {}

// Next decides what the anchor does now. Whoever makes the view reads only the batches that matter: a mined one that was not read is
// where the journal has it unless a lower one is gone, and any other waits for a later check.
func Next(j Journal, c View, limits Limits, now time.Time) Step {
	return haltOnlyIf(c.Sure, decide(j, c, limits, now), c.Head.Number)
}

func decide(j Journal, c View, limits Limits, now time.Time) Step {
	switch {
	case c.NextBatchID < lowestOpen(j):
		// Final batches do not disappear: the node is still syncing, or on another fork. Nothing may be signed on its word.
		if !c.LacksSince.IsZero() && now.Sub(c.LacksSince) >= limits.LacksMax {
			return Halt{Reason: fmt.Sprintf("the contract holds fewer batches than are final, and has for %s: the chain lost what it called final, or "+
				"WEB3_PROVIDER is on a fork; see OPERATIONS.md, A contract that is lost", limits.LacksMax)}
		}
		return Doubt{Lacks: true, Reason: "the contract holds fewer batches than are final: the node is still syncing or on a fork of its own"}
	case c.NextBatchID > j.LastID+1:
		return Halt{Log: true, Reason: "the chain holds batches that the journal lacks: somebody else has the anchorer's key, the journal was restored from an " +
			"older backup, or another journal has used this contract; see OPERATIONS.md, A batch that is not ours"}
	case !j.Ours(c):
		return Halt{Log: true, Reason: "the contract's log is not the journal's: another batch holds an id of ours, by a stolen key or split brain; " +
			"see OPERATIONS.md, A batch that is not ours"}
	case c.Anchorer != c.Sender:
		return Halt{Reason: "the contract accepts batches from " + c.Anchorer.Hex() + " and this anchor signs as " + c.Sender.Hex() +
			": the anchorer's key was rotated, or ANCHOR_CONTRACT is another's; see OPERATIONS.md, Rotating the anchorer's key"}
	}
	if gone := moved(j.Open, c); len(gone) > 0 {
		return Reorged{BatchIDs: gone} // the next check finds them elsewhere or not at all
	}
	if done := final(j.Open, c); len(done) > 0 {
		return Final{Batches: done}
	}
	for _, b := range j.Open {
		a, read := c.Anchored[b.ID]
		switch {
		case b.State == event.BatchMined:
		case b.ID >= c.NextBatchID:
			return c.Past.withhold(transmit(b, c.Sender, c.Nonce, c.Head.Number, limits, now)) // only the lowest one: the contract accepts them in order
		case read:
			return Mined{BatchID: b.ID, TxHash: a.TxHash, Block: a.Block} // whoever sent it, and whichever attempt was mined
		default:
			return Wait{}
		}
	}
	if due(j.Waiting, limits, now) && len(j.Open) < limits.OpenMax { // all that was sealed is mined
		return Seal{}
	}
	return Wait{}
}

// LacksSince is since when final batches are lacking, from the value at the check before and the step that this one led to.
func LacksSince(before time.Time, next Step, now time.Time) time.Time {
	switch doubt, ok := next.(Doubt); {
	case !ok || !doubt.Lacks:
		return time.Time{}
	case before.IsZero():
		return now
	}
	return before
}

// moved lists the mined batches from the first that is no longer in its block: those above it are in later blocks.
func moved(open []Batch, c View) (ids []uint64) {
	for _, b := range open {
		if b.State != event.BatchMined {
			continue
		}
		a, read := c.Anchored[b.ID]
		if len(ids) > 0 || b.ID >= c.NextBatchID || read && (a.Block != b.Mined || a.TxHash != b.MinedTx) {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// final lists the mined batches that were read and are no higher than the finalized block, from the lowest on: they become final in
// their order.
func final(open []Batch, c View) (done []Batch) {
	for _, b := range open {
		if _, read := c.Anchored[b.ID]; !read || !c.Sure || b.State != event.BatchMined || b.Mined.Number > c.Finalized {
			break
		}
		done = append(done, b)
	}
	return done
}

// lowestOpen is the first batch id that a reorg may still take from the chain.
func lowestOpen(j Journal) uint64 {
	if len(j.Open) > 0 {
		return j.Open[0].ID
	}
	return j.LastID + 1
}

func due(w Waiting, limits Limits, now time.Time) bool {
	return w.Count >= limits.BatchMax || w.Count > 0 && now.Sub(w.Oldest) >= limits.BatchAge
}

// passedOver is how many blocks must have been made without an attempt before its fee counts as too low: while the chain stands still
// no fee helps, and what is sent while a block is being made misses that one.
const passedOver = 2

// transmit gets an unmined batch to the chain. Only an attempt with the account's next nonce can be mined now: one below it
// lost its nonce to something else, one above it waits for a transaction that a reorg took, and one of a sender whose key was
// rotated is refused by the contract. The contract's order makes a further nonce safe.
func transmit(b Batch, sender common.Address, nonce, head uint64, limits Limits, now time.Time) Step {
	last := latest(b.Attempts, sender, nonce)
	switch {
	case last == nil:
		return Sign{Batch: b, Nonce: nonce}
	case last.SentAt.IsZero():
		return Send{Batch: b, Attempt: *last}
	case now.Sub(last.SignedAt) >= limits.BumpAfter && head >= last.SentHead+passedOver:
		return Sign{Batch: b, Nonce: nonce, Replaces: last}
	case now.Sub(last.SentAt) >= limits.ResendAfter:
		return Send{Batch: b, Attempt: *last}
	}
	return Wait{}
}

// failedMax is at how many nonces a batch's transaction may fail: each costs money, and was predicted to succeed.
const failedMax = 3

// withhold keeps a batch from being paid for again and again on the word of a node that shows an old state.
func (o Outcomes) withhold(next Step) Step {
	sign, ok := next.(Sign)
	switch {
	case !ok || sign.Replaces != nil:
		return next
	case o.Succeeded:
		return Doubt{Reason: "the node shows a batch's transaction as successful, but the contract without the batch: its answers are stale"}
	case o.Reverted >= failedMax:
		return Halt{Reason: fmt.Sprintf("batch %d was sent at %d nonces and failed at each, although the node predicts success: it shows an old "+
			"state, or the contract refuses this anchor; see OPERATIONS.md, A transaction that fails again and again", sign.Batch.ID, o.Reverted)}
	}
	return next
}

// latest returns the newest attempt with a sender's nonce, nil if there is none.
func latest(attempts []Attempt, sender common.Address, nonce uint64) *Attempt {
	for i := len(attempts) - 1; i >= 0; i-- {
		if attempts[i].Sender == sender && attempts[i].Nonce == nonce {
			return &attempts[i]
		}
	}
	return nil
}
