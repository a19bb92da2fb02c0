// Package announce publishes what the journal says happened: every change of a batch's state on BATCHES, and each sale's
// SaleAnchored when its batch has reached ANCHOR_FINALITY. An event is marked only after everything was acknowledged, so that after
// a crash it is announced again rather than never.
package announce

import (
	"context"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/services/anchor/internal/crash"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/stream"
)

const (
	chunk          = 512              // SaleAnchored in memory at once: some 1.5 MB
	publishTimeout = 30 * time.Second // for one chunk, before the whole is tried again later
)

// Target is the deployment whose batches are announced.
type Target struct {
	Deployment int64
	ChainID    uint64
	Contract   common.Address
	Finality   string // latest, safe or finalized: what a SaleAnchored waits for
	Epoch      int64  // of the lease
}

// Reached picks from a batch's events, oldest first, the one that its SaleAnchored belong to; before that it is a Conflict. A
// batch that waits for the safe block counts once it is final: whether it is safe only the active anchor knows.
func (t Target) Reached(events []event.Batch) (event.Batch, error) {
	last := events[len(events)-1]
	if last.State == event.BatchFinal || t.Finality == "latest" && last.State == event.BatchMined {
		return last, nil
	}
	return event.Batch{}, fault.New(fault.Conflict, "batch %d is %s and has not reached finality %s", last.BatchID, last.State, t.Finality)
}

// Announcer publishes for one deployment under one lease.
type Announcer struct {
	Journal *journal.Journal
	Bus     *stream.Bus
	Target  Target
	Safe    func() uint64 // height of the chain's safe block, 0 while the journal has to follow a reorg

	low   int64 // every event up to it is announced
	known bool  // low was read from the journal
}

// salesState is the state whose event the SaleAnchored belong to.
func (t Target) salesState() event.BatchState {
	if t.Finality == "finalized" {
		return event.BatchFinal
	}
	return event.BatchMined
}

// Catch announces everything in the journal that is due.
func (a *Announcer) Catch(ctx context.Context) error {
	if !a.known {
		low, err := a.Journal.AnnouncedFloor(ctx, a.Target.Deployment, a.Target.salesState())
		if err != nil {
			return err
		}
		a.low, a.known = low, true
	}
	after, held := a.low, false // held: something up to here waits for the chain, and low stays
	for {
		announcements, err := a.Journal.Unannounced(ctx, a.Target.Deployment, a.Target.salesState(), after)
		if err != nil || len(announcements) == 0 {
			return err
		}
		for _, s := range announcements {
			done, err := a.announce(ctx, s)
			if err != nil {
				return err
			}
			if held = held || !done; !held {
				a.low = s.Event.Sequence
			}
			after = s.Event.Sequence
		}
	}
}

// announce announces one event; it reports false when its sales have to wait for the chain's safe block.
func (a *Announcer) announce(ctx context.Context, s journal.Announcement) (done bool, err error) {
	if !s.BatchAnnounced {
		if err := a.publish(ctx, []*nats.Msg{event.BatchMoved(s.Event)}); err != nil {
			return false, err
		}
		crash.At("batch announced, not journaled")
		if err := a.Journal.MarkAnnounced(ctx, a.Target.Epoch, s.Event.Sequence, journal.AnnouncedBatch); err != nil {
			return false, err
		}
	}
	if s.Event.State != a.Target.salesState() {
		return true, nil
	}
	safe := a.Safe() // read before Stands: a reorg is journaled before the safe height that belongs to it is set
	stands, err := a.Journal.Stands(ctx, s.Event)
	if err != nil {
		return false, err
	}
	if stands {
		if a.Target.Finality == "safe" && (s.Event.BlockNumber == nil || *s.Event.BlockNumber > safe) {
			return false, nil
		}
		// The event's sequence in the journal is the generation: a batch that a reorg moved is announced again.
		if err := a.publishSales(ctx, s.Event, s.Event.Sequence); err != nil {
			return false, err
		}
	}
	crash.At("sales announced, not journaled")
	return true, a.Journal.MarkAnnounced(ctx, a.Target.Epoch, s.Event.Sequence, journal.AnnouncedSales)
}

// Again publishes a batch's latest event and its SaleAnchored once more, whatever was published before, and marks nothing.
func (a *Announcer) Again(ctx context.Context, e event.Batch) error {
	generation := time.Now().UnixMilli()
	if err := a.publish(ctx, []*nats.Msg{event.BatchMovedAgain(e, int(generation))}); err != nil {
		return err
	}
	return a.publishSales(ctx, e, generation)
}

// publishSales publishes a SaleAnchored for each sale of a batch. The generation distinguishes this announcement from others of the
// batch, for the dedupe window alone.
func (a *Announcer) publishSales(ctx context.Context, e event.Batch, generation int64) error {
	if e.TxHash == nil || e.BlockNumber == nil || e.BlockHash == nil {
		return fault.New(fault.Fatal, "batch %d is journaled as %s without its transaction", e.BatchID, e.State)
	}
	leaves, err := a.Journal.BatchLeaves(ctx, e.Deployment, e.BatchID)
	if err != nil {
		return err
	}
	hashes := make([]common.Hash, len(leaves))
	for i, l := range leaves {
		if hashes[i], err = merkle.Leaf(l.SaleHash, l.AmountWei); err != nil {
			return err
		}
	}
	tree, err := merkle.Build(hashes)
	if err != nil {
		return err
	}
	if tree.Root() != e.Root {
		return fault.New(fault.Fatal, "the leaves of batch %d do not make its root: the journal was changed", e.BatchID)
	}
	for from := 0; from < len(leaves); from += chunk {
		to := min(from+chunk, len(leaves))
		msgs := make([]*nats.Msg, 0, chunk)
		for i := from; i < to; i++ {
			msgs = append(msgs, a.anchored(e, leaves[i], tree, i, generation))
		}
		if err := a.publish(ctx, msgs); err != nil {
			return err
		}
	}
	return nil
}

// anchored makes a sale's message.
func (a *Announcer) anchored(e event.Batch, l journal.Leaf, tree *merkle.Tree, index int, generation int64) *nats.Msg {
	return event.Anchored(event.SaleAnchored{
		SaleID: l.SaleID.String(), StoreID: l.StoreID, SaleHash: l.SaleHash, AmountWei: l.AmountWei.String(),
		Leaf: tree.Leaf(index), Proof: tree.Proof(index), Deployment: e.Deployment, BatchID: e.BatchID, LeafIndex: index, Root: e.Root,
		ChainID: a.Target.ChainID, Contract: a.Target.Contract.Hex(), TxHash: *e.TxHash, BlockNumber: *e.BlockNumber, BlockHash: *e.BlockHash,
		Finality: a.Target.Finality,
	}, time.Now(), int(generation))
}

func (a *Announcer) publish(ctx context.Context, msgs []*nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return a.Bus.PublishAll(ctx, msgs)
}
