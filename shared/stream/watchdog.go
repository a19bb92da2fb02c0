package stream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

// watchdogEvery is the pause between two checks of a durable; the subscription of one that is silent over three is reopened.
const (
	watchdogEvery = 5 * time.Second
	silentChecks  = 2
)

// observation is a durable at one time, as the server and this replica see it.
type observation struct {
	pending    uint64 // messages that wait in the stream
	ackPending int
	delivered  uint64 // to whichever replica, ever
	received   uint64 // by this subscription
	busy       bool   // this replica is handling some
	paused     bool   // by an operator
}

// silent reports whether messages waited from one check to the next while this replica pulled and no replica received any. A full window of
// messages that other replicas hold and an operator's pause are not silence.
func silent(before, now observation) bool {
	return before.pending > 0 && now.pending > 0 && before.delivered == now.delivered && before.received == now.received &&
		!before.busy && !now.busy && !now.paused && now.ackPending < maxAckPending
}

// watchdog ends the subscription with a Transient fault when its durable is gone, or silent although heartbeats still come
// (nats.go issue 1622). A server that does not answer is left to the heartbeats.
func (c *consumption) watchdog(ctx context.Context, consumer jetstream.Consumer) error {
	ticker := time.NewTicker(wait.Jitter(watchdogEvery))
	defer ticker.Stop()
	var before observation
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
		now := observation{
			pending: info.NumPending, ackPending: info.NumAckPending, delivered: info.Delivered.Consumer,
			received: received, busy: received != c.finished.Load(), paused: info.Paused,
		}
		if strikes++; !silent(before, now) {
			strikes = 0
		}
		before = now
		if strikes == silentChecks {
			return fault.New(fault.Transient, "durable %s has %d messages waiting and delivers none", c.durable, now.pending)
		}
	}
}
