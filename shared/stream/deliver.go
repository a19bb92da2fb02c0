package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	retryDelay    = 2 * time.Second // before a message that could not be handled is delivered again
	parkTimeout   = time.Second     // below ackWait: what is being parked must not be delivered again meanwhile
	parkAgain     = 5 * time.Second // before a message that could not be parked is delivered again
	inProgress    = ackWait / 3     // how often the server is told of a message held for a slow handler
	maxLoggedSame = 1               // of a batch's messages that are delivered again: the reason is mostly the same

	// What is kept of a parked message, for operators, of whose answers one has eight. What counts of a longer one is kept beside it.
	maxParkedBody   = 80 << 10
	maxParkedReason = 1 << 10
)

// deliver hands a batch to the handler and is the only function that acts on each error by its kind. It returns a Fatal fault once the
// others are acknowledged or given back, and errBreakerChanged when the breaker changed state.
func (c *consumption) deliver(ctx context.Context, batch []jetstream.Msg) error {
	messages := make([]Message, len(batch))
	for i, msg := range batch {
		messages[i] = Message{Data: msg.Data(), Header: msg.Headers(), Subject: msg.Subject()}
		if meta, err := msg.Metadata(); err == nil {
			messages[i].Sequence = meta.Sequence.Stream
		}
	}
	errs := c.handle(ctx, messages)
	var (
		fatal, why error
		poisonous  []poison
	)
	done, again := 0, 0
	for i, msg := range batch {
		switch err := errs[i]; {
		case err == nil:
			c.sent(msg.Ack())
			c.held.drop(msg, true)
			done++
		case fault.Is(err, fault.Fatal):
			fatal = err // its message is delivered again once a person has started the service again
			c.held.drop(msg, false)
		case fault.Is(err, fault.Invalid), fault.Is(err, fault.Forged):
			poisonous = append(poisonous, poison{msg, messages[i], err})
		default:
			if again++; again <= maxLoggedSame && ctx.Err() == nil {
				c.log.Warn("message will be delivered again", "durable", c.durable, "subject", messages[i].Subject, "sequence", messages[i].Sequence,
					"kind", fault.KindOf(err).String(), "error", err)
			}
			why = err
			c.held.drop(msg, false)
			c.sent(msg.NakWithDelay(wait.Jitter(retryDelay)))
		}
	}
	c.park(ctx, poisonous)
	for _, p := range poisonous {
		c.held.drop(p.msg, false)
	}
	c.finished.Add(uint64(len(batch)))
	c.health.handled.Add(uint64(done))
	c.health.again.Add(uint64(again))
	if fatal != nil || ctx.Err() != nil {
		return fatal // what was cut off by a stop proves nothing about the dependencies
	}
	return c.updateBreaker(done, again, why)
}

// updateBreaker feeds the breaker with a batch and logs its changes; errBreakerChanged then.
func (c *consumption) updateBreaker(done, again int, why error) error {
	wasOpen := c.breaker.open()
	if !c.breaker.saw(done, again) {
		return nil
	}
	c.health.paused.Store(c.breaker.open())
	switch {
	case !c.breaker.open():
		c.log.Info("a dependency is available again: messages are pulled again", "durable", c.durable)
	case !wasOpen:
		c.log.Warn("a dependency is unavailable: messages are left in their stream", "durable", c.durable, "error", why)
	default:
		c.log.Warn("the dependency is still unavailable", "durable", c.durable, "next_try_in", c.breaker.pause, "error", why)
	}
	return errBreakerChanged
}

// poison is a message that can't be worked on, and why.
type poison struct {
	msg    jetstream.Msg
	m      Message
	reason error
}

// park publishes a batch's poisonous messages to SALES_DLQ, together, and takes them off their durable only once that is stored.
// Otherwise all of them are delivered again, later than others would be: a SALES_DLQ that is unavailable costs the durable parkTimeout
// each parkAgain, and nothing behind them waits for longer.
func (c *consumption) park(ctx context.Context, poisonous []poison) {
	if len(poisonous) == 0 {
		return
	}
	msgs := make([]*nats.Msg, len(poisonous))
	for i, p := range poisonous {
		msgs[i] = event.ParkedBy(c.parked(p), storedAt(p.msg))
	}
	publishCtx, cancel := context.WithTimeout(ctx, parkTimeout)
	defer cancel()
	if err := c.PublishAll(publishCtx, msgs); err != nil {
		if ctx.Err() == nil {
			c.log.Error("messages could not be parked", "durable", c.durable, "messages", len(msgs), "next_try_in", parkAgain, "error", err)
		}
		for _, p := range poisonous {
			c.sent(p.msg.NakWithDelay(wait.Jitter(parkAgain)))
		}
		return
	}
	for _, p := range poisonous {
		c.log.Error("message parked", "durable", c.durable, "subject", p.m.Subject, "sequence", p.m.Sequence, "sale_id", event.SubjectOf(p.m.Header),
			"reason", p.reason.Error())
		c.health.parked.Add(1)
		c.sent(p.msg.TermWithReason("parked in " + SalesDLQ))
	}
}

// storedAt is when a message's stream stored it, the same on each delivery.
func storedAt(msg jetstream.Msg) time.Time {
	meta, err := msg.Metadata()
	if err != nil {
		return time.Time{}
	}
	return meta.Timestamp
}

// parked is what goes to SALES_DLQ. A long body is cut, since one that the server refuses could never be parked.
func (c *consumption) parked(p poison) event.Parked {
	s, _ := ofDurable(c.durable)
	parked := event.Parked{
		Service: c.service, Reason: cut(p.reason.Error(), maxParkedReason), Stream: s.name, Sequence: p.m.Sequence, Subject: cut(p.m.Subject, maxParkedReason),
		SaleID: cut(event.SubjectOf(p.m.Header), maxParkedReason), Forged: fault.Is(p.reason, fault.Forged), At: time.Now().UTC().Format(time.RFC3339Nano),
	}
	limit := maxParkedBody
	if largest := c.Conn.MaxPayload(); largest > 0 {
		limit = min(limit, int(largest)/2) // in base64 a body is longer by a third
	}
	switch data := p.m.Data; {
	case len(data) > limit:
		parked.Raw, parked.Claim = data[:limit], new(event.ClaimOf(data))
		parked.Reason += fmt.Sprintf(" (its first %d of %d bytes are kept)", limit, len(data))
	case json.Valid(data):
		parked.Data = data
	default:
		parked.Raw = data
	}
	return parked
}

// cut shortens text to at most limit bytes of whole characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "")
}

// sent logs an acknowledgement or an answer that could not be sent. The message is delivered again then, and handlers are idempotent.
func (b *Bus) sent(err error) {
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		b.log.Warn("an acknowledgement or an answer could not be sent", "error", err)
	}
}
