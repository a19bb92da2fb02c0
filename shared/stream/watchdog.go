package stream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

// watchdogEvery is the pause between two looks at a durable; one that is silent over three is subscribed to anew.
const (
	watchdogEvery = 5 * time.Second
	silentLooks   = 2
)

// look is what the server and this replica say of a durable at one time.
type look struct {
	pending    uint64 // messages that wait in the stream
	ackPending int
	delivered  uint64 // to whichever replica, ever
	received   uint64 // by this subscription
	busy       bool   // this replica works on some
	paused     bool   // by an operator
}

// silent reports whether messages waited from one look to the next, somebody asked for them and nobody got any. A full window of
// messages under way elsewhere and an operator's pause are no silence.
func silent(before, now look) bool {
	return before.pending > 0 && now.pending > 0 && before.delivered == now.delivered && before.received == now.received &&
		!before.busy && !now.busy && !now.paused && now.ackPending < maxAckPending
}

// watchdog ends the subscription with a Transient fault when its durable is gone or silent though heartbeats still come
// (nats.go issue 1622). What the server can't be asked is left to the heartbeats.
func (c *consumption) watchdog(ctx context.Context, consumer jetstream.Consumer) error {
	ticker := time.NewTicker(wait.Jitter(watchdogEvery))
	defer ticker.Stop()
	var before look
	for strikes := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		asking, cancel := context.WithTimeout(ctx, attemptLimit)
		info, err := consumer.Info(asking)
		cancel()
		if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			return fault.New(fault.Transient, "durable %s is gone: %w", c.durable, err)
		}
		if err != nil {
			continue
		}
		received := c.received.Load()
		now := look{
			pending: info.NumPending, ackPending: info.NumAckPending, delivered: info.Delivered.Consumer,
			received: received, busy: received != c.settled.Load(), paused: info.Paused,
		}
		if strikes++; !silent(before, now) {
			strikes = 0
		}
		before = now
		if strikes == silentLooks {
			return fault.New(fault.Transient, "durable %s has %d messages waiting and delivers none", c.durable, now.pending)
		}
	}
}
