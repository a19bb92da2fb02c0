package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/tillseal/tillseal/shared/stream"
)

// The paths that are watched. A sale's ends when it has a leaf or is parked; those of an announcement and of a closing end in the book.
var (
	salesPath    = []string{stream.DurablePricing, stream.DurableAnchor, stream.DurableLedgerParked}
	batchesPath  = []string{stream.DurableLedger, stream.DurableLedgerBatches}
	closingsPath = []string{stream.DurableLedgerClosed}
)

const (
	positionLimit = 5 * time.Second  // for one durable: an answer lost with a connection never comes
	aheadChecks   = 2                // pauses at rest for which a durable must have been ahead of its stream
	ensureLimit   = 30 * time.Second // for making the streams that are gone
)

// check reads the position of every durable, and fixes what it can: a stream that is gone is recreated, a durable ahead of its stream's
// end is reset. begun is the present.
func (l *leader) check(ctx context.Context, begun time.Time) error {
	hops := make(map[string]Hop)
	for _, durable := range stream.Durables() { // in the order of a sale's path, see Gate
		hop, err := l.hop(ctx, durable)
		if err != nil {
			return err
		}
		hops[durable] = hop
	}
	l.sales.See(begun, pick(hops, salesPath))
	l.batches.See(begun, pick(hops, batchesPath))
	l.closings.See(begun, pick(hops, closingsPath))
	return nil
}

func (l *leader) hop(ctx context.Context, durable string) (Hop, error) {
	asking, cancel := context.WithTimeout(ctx, positionLimit)
	defer cancel()
	at, err := l.Bus.Position(asking, durable)
	switch {
	case errors.Is(err, stream.ErrNoDurable): // everything in the stream waits for its service
		return Hop{}, nil
	case errors.Is(err, stream.ErrNoStream):
		l.Log.Error("a stream is gone and is being recreated; what nobody had read in it is published again from Postgres", "durable", durable)
		return Hop{}, ensureFor(ctx, l.Bus.Ensure)
	case err != nil:
		return Hop{}, err
	case at.Ahead():
		return Hop{}, l.reset(asking, durable, at)
	}
	delete(l.ahead, durable)
	return Hop{Present: true, Last: at.Last, Done: at.Settled, Waiting: at.Waiting}, nil
}

// ensureFor gives ensure its time. That it was not enough is no error: the next tick tries again, and what is due by REPAIR_MAX does not
// wait for a stream that can't be recreated.
func ensureFor(ctx context.Context, ensure func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, ensureLimit)
	defer cancel()
	err := ensure(limited)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// reset resets a durable that has been ahead of its stream for a while: where a stream has replicas, the one that answered may just not
// have caught up yet with the one that the durable reads.
func (l *leader) reset(ctx context.Context, durable string, at stream.Position) error {
	since, known := l.ahead[durable]
	if !known {
		l.ahead[durable] = time.Now()
	}
	if !known || time.Since(since) < aheadChecks*l.atRest() {
		return nil
	}
	l.Log.Error("a durable is ahead of its stream, which lost its tail: the durable is reset", "durable", durable,
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
