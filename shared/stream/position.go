package stream

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/fault"
)

// Position is how far a durable has come in its stream.
type Position struct {
	Last      uint64 // the stream's last sequence, read after the rest
	Delivered uint64 // the highest sequence that was delivered
	Settled   uint64 // everything up to here is acknowledged or parked
	Waiting   uint64 // messages that are not delivered yet, or not acknowledged
}

// Ahead reports a durable beyond its stream's end: the stream lost its tail, and the server would skip what is written until the sequence
// has caught up. It is never a false alarm: the stream's end was read last, and only grows.
func (p Position) Ahead() bool { return p.Delivered > p.Last }

// ErrNoStream is a stream that does not exist, ErrNoDurable such a durable: its service has not created it yet, or it was deleted with its
// stream.
var (
	ErrNoStream  = errors.New("there is no such stream")
	ErrNoDurable = errors.New("there is no such durable")
)

// Position looks up a durable of Durables. ErrNoStream and ErrNoDurable are Conflict, anything else Transient.
func (b *Bus) Position(ctx context.Context, durable string) (Position, error) {
	name := Of(durable)
	consumer, err := b.JS.Consumer(ctx, name, durable)
	if err != nil {
		return Position{}, missing(durable, err)
	}
	info := consumer.CachedInfo() // current: JS.Consumer has just fetched it
	in, err := b.JS.Stream(ctx, name)
	if err != nil {
		return Position{}, missing(durable, err)
	}
	return Position{
		Last: in.CachedInfo().State.LastSeq, Delivered: info.Delivered.Stream, Settled: info.AckFloor.Stream,
		Waiting: info.NumPending + uint64(max(info.NumAckPending, 0)),
	}, nil
}

// Reset makes a durable begin at its stream's first message again: it is deleted, and its service recreates it as soon as it notices. A
// durable that does not exist is not an error.
func (b *Bus) Reset(ctx context.Context, durable string) error {
	err := b.JS.DeleteConsumer(ctx, Of(durable), durable)
	if err == nil || errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return fault.New(fault.Transient, "reset durable %s: %w", durable, err)
}

// Durables lists all, in the order in which a sale passes them, and then that of closings.
func Durables() []string {
	return []string{DurablePricing, DurableAnchor, DurableLedgerParked, DurableLedger, DurableLedgerBatches, DurableLedgerClosed}
}

func missing(durable string, err error) error {
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		return fault.New(fault.Conflict, "%s: %w", durable, ErrNoDurable)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fault.New(fault.Conflict, "%s of %s: %w", Of(durable), durable, ErrNoStream)
	}
	return fault.New(fault.Transient, "inspect durable %s: %w", durable, err)
}

// Of names the stream of a durable of Durables.
func Of(durable string) string {
	s, _ := ofDurable(durable)
	return s.name
}
