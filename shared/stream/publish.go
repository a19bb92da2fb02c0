package stream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	publishChunk   = maxPublishing / 4 // several publishers share the window
	publishAttempt = 5 * time.Second   // for one chunk's acknowledgements
	publishRetry   = 250 * time.Millisecond
)

// PublishAll publishes msgs and returns nil once the server has acknowledged every one. It goes on trying until ctx ends, with the same
// Nats-Msg-Id, so that what was stored although its acknowledgement was lost is not stored twice. The error is Transient and does not show
// which were stored. Each message must fit (Fits).
func (b *Bus) PublishAll(ctx context.Context, msgs []*nats.Msg) error {
	for len(msgs) > 0 {
		n := min(publishChunk, len(msgs))
		if err := b.publishChunk(ctx, msgs[:n]); err != nil {
			return err
		}
		msgs = msgs[n:]
	}
	return nil
}

// Fits returns an Invalid error with both sizes for a message that is larger than what the server takes (max_payload): it is refused however
// often it is sent, and PublishAll would never end. Until a server has told its limit everything fits.
func (b *Bus) Fits(msg *nats.Msg) error {
	if limit := b.Conn.MaxPayload(); limit > 0 && int64(msg.Size()) > limit {
		return fault.New(fault.Invalid, "the message has %d bytes and NATS takes %d", msg.Size(), limit)
	}
	return nil
}

func (b *Bus) publishChunk(ctx context.Context, msgs []*nats.Msg) error {
	for {
		failed, err := b.publishOnce(ctx, msgs)
		if len(failed) == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fault.New(fault.Transient, "publish %d messages: %w", len(failed), errors.Join(ctx.Err(), err))
		}
		b.log.Warn("publishing again", "messages", len(failed), "error", err)
		msgs = failed
		wait.Pause(ctx, wait.Jitter(publishRetry)) // the next round notices a stop
	}
}

// publishOnce sends all and returns those that were not acknowledged in time, with the last reason.
func (b *Bus) publishOnce(ctx context.Context, msgs []*nats.Msg) (failed []*nats.Msg, reason error) {
	futures := make([]jetstream.PubAckFuture, len(msgs))
	for i, msg := range msgs {
		if futures[i], reason = b.JS.PublishMsgAsync(msg); reason != nil {
			failed = append(failed, msg)
		}
	}
	timeout := time.NewTimer(publishAttempt)
	defer timeout.Stop()
	for i, future := range futures {
		if future == nil {
			continue
		}
		select {
		case <-future.Ok():
			continue
		case err := <-future.Err():
			reason = err
		case <-timeout.C:
			timeout.Reset(0) // the others had their time as well
			reason = context.DeadlineExceeded
		case <-ctx.Done():
			reason = ctx.Err()
		}
		failed = append(failed, msgs[i])
	}
	return failed, reason
}
