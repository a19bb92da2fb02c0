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
	SentAt   time.Time // under the present lease, in the journal's time; zero when it begins, so that it is sent at once
	SentHead uint64    // height of the chain when it was sent first
}

// Batch is a sealed batch that is not final yet.
type Batch struct {
	ID       uint64
	Root     common.Hash
	Size     int
	State    event.BatchState
	Mined    Block // where the journal last saw it, when State is mined
	MinedTx  common.Hash
	SealedAt time.Time
	Attempts []Attempt // oldest first
}

// Journal is what the anchor knows by itself.
type Journal struct {
	Now     time.Time // by the journal's clock, which all its times are of
	LastID  uint64    // of the batches sealed for this deployment; 0 for none
	Open    []Batch   // sealed and not final, ascending by ID
	Waiting Waiting   // leaves for the next batch
}

// Waiting tells of the leaves that no batch holds.
type Waiting struct {
	Count  int
	Oldest time.Time // when the first of them was journaled
}

// Anchored is a batch as the chain holds it: the stored root, and the transaction that put it there.
type Anchored struct {
	Root    common.Hash
	TxHash  common.Hash
	Block   Block
	GasUsed uint64 // by the transaction; 0 when its receipt was not read
}

// View is the chain as one block shows it.
type View struct {
	Head        Block
	Sure        bool                // most of the configured nodes have this block; on the word of fewer nothing is final and nothing wrong
	Finalized   uint64              // height
	NextBatchID uint64              // the contract's
	Anchorer    common.Address      // the contract's: the one account that it takes batches from
	Sender      common.Address      // the account that this anchor signs for
	Nonce       uint64              // of the sender's next transaction
	Anchored    map[uint64]Anchored // of the open batches below NextBatchID, those that were looked at; see Next
	Past        Outcomes            // of Retried
	LacksSince  time.Time           // since when each look lacks batches that are final; zero when the last one did not
}

// Outcomes tell what became of attempts, by their own receipts.
type Outcomes struct {
	Succeeded bool // one was mined and did what it is for
	Reverted  int  // nonces at which one was mined and failed
}

// Retried are the attempts of the batch that Next would sign at a further nonce, none when it would not: only then is what became
// of them worth asking.
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

// Limits are the waits that decide; all are checked when the service starts.
type Limits struct {
	BatchMax    int           // leaves at which a batch is sealed at once
	BatchAge    time.Duration // how long the oldest leaf waits for company
	BumpAfter   time.Duration // how long an attempt may stay unmined before its fee is raised
	ResendAfter time.Duration // how often an unmined attempt is sent again, since pools forget
	LacksMax    time.Duration // how long a chain may lack batches that are final: nodes that still sync do
	OpenMax     int           // batches that are not final, beyond which no more are made: a chain that is never final gets no more money
}

// Step is one thing to do: Seal, Sign, Send, Settle, Unsettle, Finish, Doubt, Halt or Wait.
type Step interface{ step() }

type (
	// Seal makes the next batch of the waiting leaves.
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
	// Settle journals that a batch is mined.
	Settle struct {
		BatchID uint64
		TxHash  common.Hash
		Block   Block
	}
	// Unsettle journals that mined batches, ascending, are gone from their blocks.
	Unsettle struct{ BatchIDs []uint64 }
	// Finish journals that batches, ascending, can't be undone any more.
	Finish struct{ Batches []Batch }
	// Doubt does nothing on what the chain shows: it can't be so, and a node will show it otherwise once it has caught up.
	Doubt struct {
		Reason string
		Lacks  bool // batches that are final
	}
	// Halt stops the anchor until a person has looked.
	Halt struct{ Reason string }
	// Wait leaves everything as it is.
	Wait struct{}
)

func (Seal) step()     {}
func (Sign) step()     {}
func (Send) step()     {}
func (Settle) step()   {}
func (Unsettle) step() {}
func (Finish) step()   {}
func (Doubt) step()    {}
func (Halt) step()     {}
func (Wait) step()     {}

// Next decides what the anchor does now. Whoever makes the view looks at the batches that matter alone: a mined one that was
// not looked at is where the journal has it unless a lower one is gone, and any other waits for a later look.
func Next(j Journal, c View, limits Limits, now time.Time) Step {
	return haltOnlyIf(c.Sure, decide(j, c, limits, now), c.Head.Number)
}

func decide(j Journal, c View, limits Limits, now time.Time) Step {
	switch {
	case c.NextBatchID < lowestOpen(j):
		// Final batches do not go away: a node that is still syncing, or one of another fork. Nothing may be signed on its word.
		if !c.LacksSince.IsZero() && now.Sub(c.LacksSince) >= limits.LacksMax {
			return Halt{Reason: fmt.Sprintf("the contract holds fewer batches than are final, and has for %s: a chain lost what it called final, or "+
				"WEB3_PROVIDER is of a fork; see OPERATIONS.md, A contract that is lost", limits.LacksMax)}
		}
		return Doubt{Lacks: true, Reason: "the contract holds fewer batches than are final: the node is still syncing or on a fork of its own"}
	case c.NextBatchID > j.LastID+1:
		return Halt{Reason: "the chain holds batches that the journal lacks: it was restored from an older backup, or another journal has used this contract; " +
			"see OPERATIONS.md, A journal older than the chain"}
	case c.Anchorer != c.Sender:
		return Halt{Reason: "the contract takes batches from " + c.Anchorer.Hex() + " and this anchor signs as " + c.Sender.Hex() +
			": the anchorer's key was rotated, or ANCHOR_CONTRACT is another's; see OPERATIONS.md, Rotating the anchorer's key"}
	}
	for _, b := range j.Open {
		if a, looked := c.Anchored[b.ID]; looked && a.Root != b.Root {
			return Halt{Reason: "another root holds our batch's id: split brain or a stolen key"}
		}
	}
	if gone := moved(j.Open, c); len(gone) > 0 {
		return Unsettle{BatchIDs: gone} // a reorg; the next look finds them elsewhere or not at all
	}
	if done := final(j.Open, c); len(done) > 0 {
		return Finish{Batches: done}
	}
	for _, b := range j.Open {
		a, looked := c.Anchored[b.ID]
		switch {
		case b.State == event.BatchMined:
		case b.ID >= c.NextBatchID:
			return c.Past.temper(transmit(b, c.Sender, c.Nonce, c.Head.Number, limits, now)) // the lowest one alone: the contract takes them in order
		case looked:
			return Settle{BatchID: b.ID, TxHash: a.TxHash, Block: a.Block} // whoever sent it, and whichever attempt was mined
		default:
			return Wait{}
		}
	}
	if due(j.Waiting, limits, now) && len(j.Open) < limits.OpenMax { // all that was sealed is mined
		return Seal{}
	}
	return Wait{}
}

// LacksSince says since when batches that are final are lacking, from what the last look said and what this one led to.
func LacksSince(before time.Time, next Step, now time.Time) time.Time {
	switch doubt, ok := next.(Doubt); {
	case !ok || !doubt.Lacks:
		return time.Time{}
	case before.IsZero():
		return now
	}
	return before
}

// moved lists the mined batches from the first that is not in its block any more: those above it are in later blocks.
func moved(open []Batch, c View) (ids []uint64) {
	for _, b := range open {
		if b.State != event.BatchMined {
			continue
		}
		a, looked := c.Anchored[b.ID]
		if len(ids) > 0 || b.ID >= c.NextBatchID || looked && (a.Block != b.Mined || a.TxHash != b.MinedTx) {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// final lists the mined batches that were looked at and are as deep as the finalized block, from the lowest on: they become
// final in their order.
func final(open []Batch, c View) (done []Batch) {
	for _, b := range open {
		if _, looked := c.Anchored[b.ID]; !looked || !c.Sure || b.State != event.BatchMined || b.Mined.Number > c.Finalized {
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

// passedOver is how many blocks must have come without an attempt before its fee counts as too low: while the chain stands still no
// fee helps, and what is sent while a block is being made misses that one.
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

// failedMax is at how many nonces a batch's transaction may fail: each costs money, and was foretold to succeed.
const failedMax = 3

// temper keeps a batch from being paid for again and again on the word of a node that shows an old state.
func (o Outcomes) temper(next Step) Step {
	sign, ok := next.(Sign)
	switch {
	case !ok || sign.Replaces != nil:
		return next
	case o.Succeeded:
		return Doubt{Reason: "the node shows a batch's transaction as successful, and the contract without the batch: what it answers is stale"}
	case o.Reverted >= failedMax:
		return Halt{Reason: fmt.Sprintf("batch %d was sent at %d nonces and failed at each, though the node foretells success: it shows an old "+
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
