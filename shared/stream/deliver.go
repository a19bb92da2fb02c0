package stream

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

const (
	retryDelay    = 2 * time.Second // before a message that could not be worked on comes again
	parkTimeout   = 10 * time.Second
	inProgress    = ackWait / 3 // how often a slow handler's messages are kept from being delivered to another
	maxLoggedSame = 1           // of a batch's messages that come again: the reason is mostly the same
)

// deliver hands a batch to the handler and acts on each error by its kind: the only place that does. It returns a Fatal fault
// once the others are settled, and errTurned when the breaker turned.
func (c *consumption) deliver(ctx context.Context, batch []jetstream.Msg) error {
	messages := make([]Message, len(batch))
	for i, msg := range batch {
		messages[i] = Message{Data: msg.Data(), Header: msg.Headers(), Subject: msg.Subject()}
		if meta, err := msg.Metadata(); err == nil {
			messages[i].Sequence = meta.Sequence.Stream
		}
	}
	stop := keepAlive(batch)
	errs := c.handle(ctx, messages)
	stop()
	var fatal, why error
	done, again := 0, 0
	for i, msg := range batch {
		switch err := errs[i]; {
		case err == nil:
			c.settle(msg.Ack())
			done++
		case fault.Is(err, fault.Fatal):
			fatal = err // its message comes again when a person has looked
		case fault.Is(err, fault.Invalid) && c.park(ctx, msg, messages[i], err):
		default:
			if again++; again <= maxLoggedSame && ctx.Err() == nil {
				c.log.Warn("message will be delivered again", "durable", c.durable, "subject", messages[i].Subject, "sequence", messages[i].Sequence,
					"kind", fault.KindOf(err).String(), "error", err)
			}
			why = err
			c.settle(msg.NakWithDelay(jitter(retryDelay)))
		}
	}
	c.settled.Add(uint64(len(batch)))
	c.health.handled.Add(uint64(done))
	c.health.again.Add(uint64(again))
	if fatal != nil || ctx.Err() != nil {
		return fatal // what was cut off by a stop tells nothing of the dependencies
	}
	return c.turn(done, again, why)
}

// turn feeds the breaker with a batch and tells when it turns.
func (c *consumption) turn(done, again int, why error) error {
	wasOpen := c.breaker.open()
	if !c.breaker.saw(done, again) {
		return nil
	}
	c.health.paused.Store(c.breaker.open())
	switch {
	case !c.breaker.open():
		c.log.Info("a dependency is back: messages are pulled again", "durable", c.durable)
	case !wasOpen:
		c.log.Warn("a dependency is away: messages are left in their stream", "durable", c.durable, "error", why)
	default:
		c.log.Warn("the dependency is still away", "durable", c.durable, "next_try_in", c.breaker.pause, "error", why)
	}
	return errTurned
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

// park hands a message that can't be worked on to SALES_DLQ and takes it off its durable only once that is stored; false when
// it is not, and the message must come again.
func (c *consumption) park(ctx context.Context, msg jetstream.Msg, m Message, reason error) bool {
	s, _ := ofDurable(c.durable)
	parked := event.Parked{
		Service: c.service, Reason: reason.Error(), Stream: s.name, Sequence: m.Sequence, Subject: m.Subject,
		SaleID: event.SubjectOf(m.Header), At: time.Now().UTC().Format(time.RFC3339Nano),
	}
	if json.Valid(m.Data) {
		parked.Data = m.Data
	} else {
		parked.Raw = m.Data
	}
	publishCtx, cancel := context.WithTimeout(ctx, parkTimeout)
	defer cancel()
	if err := c.PublishAll(publishCtx, []*nats.Msg{event.ParkedBy(parked)}); err != nil {
		return false
	}
	c.log.Error("message parked", "durable", c.durable, "subject", m.Subject, "sequence", m.Sequence, "sale_id", parked.SaleID, "reason", parked.Reason)
	c.health.parked.Add(1)
	c.settle(msg.TermWithReason("parked in " + SalesDLQ))
	return true
}

// settle notes an acknowledgement that did not leave: its message comes again, and handlers are idempotent.
func (b *Bus) settle(err error) {
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		b.log.Warn("an acknowledgement was lost", "error", err)
	}
}
