package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/tillseal/tillseal/shared/stream"
)

// The ways that are watched. A sale's ends at a leaf, or parked; what is said of a batch ends in the book.
var (
	salesWay   = []string{stream.DurablePricing, stream.DurableAnchor, stream.DurableLedgerParked}
	batchesWay = []string{stream.DurableLedger, stream.DurableLedgerBatches}
)

const (
	lookLimit   = 5 * time.Second  // for one durable: an answer lost with a connection never comes
	aheadLooks  = 2                // pauses at rest for which a durable must have been ahead of its stream
	ensureLimit = 30 * time.Second // for making the streams that are gone
)

// look reads where every durable stands, and mends what can be mended there: a stream that is gone is made anew, a durable
// ahead of its stream's end is reset. begun is the present.
func (l *leader) look(ctx context.Context, begun time.Time) error {
	hops := make(map[string]Hop)
	for _, durable := range stream.Durables() { // a sale's way in its order, see Gate
		hop, err := l.hop(ctx, durable)
		if err != nil {
			return err
		}
		hops[durable] = hop
	}
	l.sales.See(begun, pick(hops, salesWay))
	l.batches.See(begun, pick(hops, batchesWay))
	return nil
}

func (l *leader) hop(ctx context.Context, durable string) (Hop, error) {
	asking, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	at, err := l.Bus.Position(asking, durable)
	switch {
	case errors.Is(err, stream.ErrNoDurable): // everything in the stream waits for its service
		return Hop{}, nil
	case errors.Is(err, stream.ErrNoStream):
		l.Log.Error("a stream is gone and is made anew", "durable", durable)
		ctx, cancel := context.WithTimeout(ctx, ensureLimit)
		defer cancel()
		return Hop{}, l.Bus.Ensure(ctx)
	case err != nil:
		return Hop{}, err
	case at.Ahead():
		return Hop{}, l.reset(asking, durable, at)
	}
	delete(l.ahead, durable)
	return Hop{Present: true, Last: at.Last, Settled: at.Settled, Waiting: at.Waiting}, nil
}

// reset lets a durable begin again that has been ahead for a while: of a stream with replicas, the one that is asked may only not
// have caught up yet with the one that the durable reads.
func (l *leader) reset(ctx context.Context, durable string, at stream.Position) error {
	since, known := l.ahead[durable]
	if !known {
		l.ahead[durable] = time.Now()
	}
	if !known || time.Since(since) < aheadLooks*l.atRest() {
		return nil
	}
	l.Log.Error("a durable is ahead of its stream, which lost its tail: it begins again", "durable", durable,
		"delivered", at.Delivered, "last", at.Last)
	if err := l.Bus.Reset(ctx, durable); err != nil {
		return err
	}
	delete(l.ahead, durable)
	l.Metrics.Reset.WithLabelValues(durable).Inc()
	return nil
}

func pick(hops map[string]Hop, durables []string) []Hop {
	picked := make([]Hop, len(durables))
	for i, durable := range durables {
		picked[i] = hops[durable]
	}
	return picked
}
