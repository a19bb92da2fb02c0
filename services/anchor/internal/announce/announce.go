// Package announce tells the world what the journal says happened: every step of a batch on BATCHES, and each sale's
// SaleAnchored when its batch has reached ANCHOR_FINALITY. An event is marked only after everything was acknowledged, so a
// crash says it again rather than never.
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

// Place is the deployment that is announced.
type Place struct {
	Deployment int64
	ChainID    uint64
	Contract   common.Address
	Finality   string // latest, safe or finalized: what a SaleAnchored waits for
	Epoch      int64  // of the lease
}

// Reached picks of a batch's events, oldest first, the one that its SaleAnchored belong to; before that it is a Conflict. A
// batch that waits for the safe block counts once it is final: whether it is safe only the active anchor knows.
func (p Place) Reached(events []event.Batch) (event.Batch, error) {
	last := events[len(events)-1]
	if last.State == event.BatchFinal || p.Finality == "latest" && last.State == event.BatchMined {
		return last, nil
	}
	return event.Batch{}, fault.New(fault.Conflict, "batch %d is %s and has not reached finality %s", last.BatchID, last.State, p.Finality)
}

// Announcer publishes for one deployment under one lease.
type Announcer struct {
	Journal *journal.Journal
	Bus     *stream.Bus
	Place   Place
	Safe    func() uint64 // height of the chain's safe block, 0 while the journal has to follow a reorg

	low   int64 // every event up to it is announced
	known bool  // low was looked up
}

// salesState is the state whose event the SaleAnchored belong to.
func (p Place) salesState() event.BatchState {
	if p.Finality == "finalized" {
		return event.BatchFinal
	}
	return event.BatchMined
}

// Catch announces all that the journal holds and that is due.
func (a *Announcer) Catch(ctx context.Context) error {
	if !a.known {
		low, err := a.Journal.AnnouncedFloor(ctx, a.Place.Deployment, a.Place.salesState())
		if err != nil {
			return err
		}
		a.low, a.known = low, true
	}
	after, held := a.low, false // held: something up to here waits for the chain, and low stays
	for {
		sayings, err := a.Journal.Unannounced(ctx, a.Place.Deployment, a.Place.salesState(), after)
		if err != nil || len(sayings) == 0 {
			return err
		}
		for _, s := range sayings {
			done, err := a.say(ctx, s)
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

// say announces one event; it reports false when its sales have to wait for the chain's safe block.
func (a *Announcer) say(ctx context.Context, s journal.Saying) (done bool, err error) {
	if !s.BatchSaid {
		if err := a.publish(ctx, []*nats.Msg{event.BatchMoved(s.Event)}); err != nil {
			return false, err
		}
		crash.At("batch told, not noted")
		if err := a.Journal.MarkAnnounced(ctx, a.Place.Epoch, s.Event.Sequence, journal.SaidBatch); err != nil {
			return false, err
		}
	}
	if s.Event.State != a.Place.salesState() {
		return true, nil
	}
	safe := a.Safe() // before it is asked whether the batch stands: a reorg is journaled before the height that goes with it is told
	stands, err := a.Journal.Stands(ctx, s.Event)
	if err != nil {
		return false, err
	}
	if stands {
		if a.Place.Finality == "safe" && (s.Event.BlockNumber == nil || *s.Event.BlockNumber > safe) {
			return false, nil
		}
		// The event's place in the journal is the generation: a batch that a reorg moved is announced anew.
		if err := a.saySales(ctx, s.Event, s.Event.Sequence); err != nil {
			return false, err
		}
	}
	crash.At("sales told, not noted")
	return true, a.Journal.MarkAnnounced(ctx, a.Place.Epoch, s.Event.Sequence, journal.SaidSales)
}

// Again says a batch's last step and its SaleAnchored once more, whatever was said before, and marks nothing.
func (a *Announcer) Again(ctx context.Context, e event.Batch) error {
	generation := time.Now().UnixMilli()
	if err := a.publish(ctx, []*nats.Msg{event.BatchMovedAgain(e, int(generation))}); err != nil {
		return err
	}
	return a.saySales(ctx, e, generation)
}

// saySales publishes a SaleAnchored for each sale of a batch. The generation makes this saying differ from others for the
// dedupe window alone.
func (a *Announcer) saySales(ctx context.Context, e event.Batch, generation int64) error {
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
		ChainID: a.Place.ChainID, Contract: a.Place.Contract.Hex(), TxHash: *e.TxHash, BlockNumber: *e.BlockNumber, BlockHash: *e.BlockHash,
		Finality: a.Place.Finality,
	}, time.Now(), int(generation))
}

func (a *Announcer) publish(ctx context.Context, msgs []*nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return a.Bus.PublishAll(ctx, msgs)
}
