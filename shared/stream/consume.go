package stream

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

// Message is one delivery.
type Message struct {
	Data     []byte
	Header   nats.Header
	Subject  string
	Sequence uint64 // in its stream
}

// Handler works on deliveries in order and returns one error for each, nil for done. It may be given the same message
// again at any time. Invalid parks a message; everything else is delivered again after a pause, except Fatal, which ends
// the consumer.
type Handler func(ctx context.Context, batch []Message) []error

const (
	retryDelay    = 2 * time.Second
	heartbeat     = 5 * time.Second
	reopenAfter   = time.Second
	parkTimeout   = 10 * time.Second
	inProgress    = ackWait / 3 // how often a slow handler's messages are kept from being delivered to another
	maxLoggedSame = 1
)

// Consume delivers a durable's messages to handle in batches of at most maxBatch, made of what is waiting: no message
// waits for a batch to fill. It acknowledges what was handled, and returns when ctx ends (nil) or on a Fatal fault.
func (b *Bus) Consume(ctx context.Context, durable string, maxBatch int, handle Handler) error {
	for {
		err := b.consumeOnce(ctx, durable, maxBatch, handle)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // a stop is no failure; what was under way comes again
		}
		if fault.Is(err, fault.Fatal) || fault.Is(err, fault.Invalid) {
			return err
		}
		b.log.Warn("opening the consumer again", "durable", durable, "error", err)
		if !pause(ctx, jitter(reopenAfter)) {
			return nil
		}
	}
}

func (b *Bus) consumeOnce(ctx context.Context, durable string, maxBatch int, handle Handler) error {
	var consumer jetstream.Consumer
	err := b.retry(ctx, "create consumer "+durable, func(ctx context.Context) (err error) {
		consumer, err = b.ensureDurable(ctx, durable)
		return err
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	iterator, err := consumer.Messages(jetstream.PullMaxMessages(2*maxBatch), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return fault.New(fault.Transient, "pull from %s: %w", durable, err)
	}
	waiting := make(chan jetstream.Msg, maxBatch)
	group, groupCtx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(groupCtx, iterator.Stop)
	defer stop()
	group.Go(func() error { return pull(groupCtx, iterator, waiting) })
	group.Go(func() error {
		for {
			batch, err := gather(groupCtx, waiting, maxBatch)
			if err != nil {
				return err
			}
			if err := b.deliver(groupCtx, batch, handle); err != nil {
				return err
			}
		}
	})
	return group.Wait()
}

// pull moves messages from the iterator to waiting; a missed heartbeat or a deleted consumer ends it.
func pull(ctx context.Context, iterator jetstream.MessagesContext, waiting chan<- jetstream.Msg) error {
	for {
		msg, err := iterator.Next()
		if err != nil {
			return fault.New(fault.Transient, "pull: %w", err)
		}
		select {
		case waiting <- msg:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// gather waits for one message and takes with it what else is there.
func gather(ctx context.Context, waiting <-chan jetstream.Msg, maxBatch int) ([]jetstream.Msg, error) {
	var batch []jetstream.Msg
	select {
	case msg := <-waiting:
		batch = append(batch, msg)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for len(batch) < maxBatch {
		select {
		case msg := <-waiting:
			batch = append(batch, msg)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

func (b *Bus) deliver(ctx context.Context, batch []jetstream.Msg, handle Handler) error {
	messages := make([]Message, len(batch))
	for i, msg := range batch {
		messages[i] = Message{Data: msg.Data(), Header: msg.Headers(), Subject: msg.Subject()}
		if meta, err := msg.Metadata(); err == nil {
			messages[i].Sequence = meta.Sequence.Stream
		}
	}
	stop := keepAlive(batch)
	errs := handle(ctx, messages)
	stop()
	logged := 0
	for i, msg := range batch {
		err := errs[i]
		switch {
		case err == nil:
			b.settle(msg.Ack())
		case fault.Is(err, fault.Fatal):
			return err // what is not settled comes again, when a person has looked
		case fault.Is(err, fault.Invalid):
			b.park(ctx, msg, messages[i], err)
		default:
			if logged++; logged <= maxLoggedSame && ctx.Err() == nil {
				b.log.Warn("message will be delivered again", "subject", messages[i].Subject, "sequence", messages[i].Sequence,
					"kind", fault.KindOf(err).String(), "error", err)
			}
			b.settle(msg.NakWithDelay(jitter(retryDelay)))
		}
	}
	return nil
}

// keepAlive tells the server that the batch is being worked on, until stop is called.
func keepAlive(batch []jetstream.Msg) (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(jitter(inProgress))
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				for _, msg := range batch {
					_ = msg.InProgress() // the message comes again, which is harmless
				}
			}
		}
	}()
	return func() { close(done) }
}

// park hands a message that can't be worked on to SALES_DLQ and takes it off its durable only once that is stored.
func (b *Bus) park(ctx context.Context, msg jetstream.Msg, m Message, reason error) {
	parked := event.Parked{
		Service: b.service, Reason: reason.Error(), Stream: streamOfSubject(m.Subject), Sequence: m.Sequence, Subject: m.Subject,
		SaleID: event.SubjectOf(m.Header), At: time.Now().UTC().Format(time.RFC3339Nano),
	}
	if json.Valid(m.Data) {
		parked.Data = m.Data
	} else {
		parked.Raw = m.Data
	}
	publishCtx, cancel := context.WithTimeout(ctx, parkTimeout)
	defer cancel()
	if err := b.PublishAll(publishCtx, []*nats.Msg{event.ParkedBy(parked)}); err != nil {
		b.settle(msg.NakWithDelay(jitter(retryDelay)))
		return
	}
	b.log.Error("message parked", "subject", m.Subject, "sequence", m.Sequence, "sale_id", parked.SaleID, "reason", parked.Reason)
	b.settle(msg.TermWithReason("parked in " + SalesDLQ))
}

// settle notes an acknowledgement that did not leave: its message comes again, and handlers are idempotent.
func (b *Bus) settle(err error) {
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		b.log.Warn("an acknowledgement was lost", "error", err)
	}
}

func streamOfSubject(subject string) string {
	for _, s := range specs {
		prefix := s.subjects[0][:len(s.subjects[0])-1]
		if len(subject) > len(prefix) && subject[:len(prefix)] == prefix {
			return s.name
		}
	}
	return ""
}
