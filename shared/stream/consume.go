package stream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

// Message is one delivery.
type Message struct {
	Data     []byte
	Header   nats.Header
	Subject  string
	Sequence uint64 // in its stream
}

// Handler works on deliveries in order and returns one error for each, nil for done. It may be given the same message again at any time.
// Invalid parks a message; everything else is delivered again after a pause, except Fatal, which ends the consumer. After some batches in a
// row without one success the durable is left alone for a while. ctx ends some time after a stop: until then a batch in hand may be finished.
type Handler func(ctx context.Context, batch []Message) []error

const (
	heartbeat     = 3 * time.Second // a subscription that receives nothing from the server for twice as long is reopened
	reopenAfter   = time.Second
	finishWithin  = 5 * time.Second // for the batch in hand when its service stops; what isn't done by then is delivered again
	releaseWithin = 2 * time.Second // for the server to send what it was sending
	inFlight      = 4               // batches that one replica holds at most: one pulled, two waiting and one being worked on
)

// errBreakerChanged ends a subscription whose breaker opened or closed: the next one pulls by other limits.
var errBreakerChanged = errors.New("the breaker changed state")

// consumption is one call of Consume.
type consumption struct {
	*Bus
	durable  string
	maxBatch int
	handle   Handler
	health   *health
	breaker  breaker
	held     *held // of the present subscription

	received, finished atomic.Uint64 // messages of the present subscription
}

// Consume delivers a durable's messages to handle in batches of at most maxBatch, made of what is waiting: no message waits for a batch to
// fill. It acknowledges what was handled. It holds at most inFlight×maxBatch messages. When ctx ends it finishes the batch in hand, gives all
// others back for another replica to receive at once, and returns nil. A Fatal fault ends it too, and an Invalid one with the reason why the
// durable can't be created.
func (b *Bus) Consume(ctx context.Context, durable string, maxBatch int, handle Handler) error {
	c := &consumption{Bus: b, durable: durable, maxBatch: maxBatch, handle: handle, health: b.healthOf(durable)}
	defer c.health.paused.Store(false)
	for {
		if c.breaker.open() && !wait.Pause(ctx, wait.Jitter(c.breaker.pause)) {
			return nil
		}
		err := c.subscribe(ctx)
		switch {
		case fault.Is(err, fault.Fatal), fault.Is(err, fault.Invalid):
			return err
		case ctx.Err() != nil:
			return nil // a stop is not a failure; what was in hand is delivered again
		case errors.Is(err, errBreakerChanged):
			continue
		}
		c.health.reopened.Add(1)
		b.log.Warn("reopening the subscription", "durable", durable, "error", err)
		if !wait.Pause(ctx, wait.Jitter(reopenAfter)) {
			return nil
		}
	}
}

// subscribe pulls and handles until ctx ends, the breaker changes state or something goes wrong.
func (c *consumption) subscribe(ctx context.Context) error {
	var consumer jetstream.Consumer
	err := c.retry(ctx, "create durable "+c.durable, func(ctx context.Context) (err error) {
		consumer, err = c.ensureDurable(ctx, c.durable)
		return err
	})
	if err != nil {
		return err
	}
	size := c.maxBatch
	if c.breaker.open() {
		size = min(size, probeBatch)
	}
	iterator, err := consumer.Messages(jetstream.PullMaxMessages(size), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return fault.New(fault.Transient, "pull from %s: %w", c.durable, err)
	}
	c.received.Store(0)
	c.finished.Store(0)
	c.held = newHeld(size)
	waiting := make(chan jetstream.Msg, (inFlight-2)*size)
	handling, done := c.handlingContext(ctx)
	defer done()
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return c.pull(running, iterator, waiting) })
	group.Go(func() error { return c.watchdog(running, consumer) })
	keeping, stopKeeping := context.WithCancel(handling)
	var kept sync.WaitGroup
	kept.Go(func() { c.held.keep(keeping) }) // a batch that outlives ctx too
	group.Go(func() error {
		for {
			batch := gather(running, waiting, size)
			if batch == nil {
				return nil
			}
			if err := c.deliver(handling, batch); err != nil {
				return err
			}
		}
	})
	err = group.Wait()
	stopKeeping()
	kept.Wait()
	c.release(ctx, iterator, waiting)
	return err
}

// handlingContext outlives ctx for as long as the batch in hand may take to finish; not at all without a connection, since nothing could
// be acknowledged.
func (c *consumption) handlingContext(ctx context.Context) (handling context.Context, done func()) {
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if c.Conn.IsConnected() {
			wait.Pause(handling, finishWithin)
		}
		cancel()
	})
	return handling, func() { stop(); cancel() }
}

// pull moves messages from the iterator to waiting; a missed heartbeat or a deleted consumer ends it.
func (c *consumption) pull(ctx context.Context, iterator jetstream.MessagesContext, waiting chan<- jetstream.Msg) error {
	for {
		msg, err := iterator.Next(jetstream.NextContext(ctx))
		if ctx.Err() != nil && msg == nil {
			return nil
		}
		if err != nil {
			return fault.New(fault.Transient, "pull from %s: %w", c.durable, err)
		}
		c.received.Add(1)
		mine, before := c.held.take(msg)
		if before {
			c.sent(msg.Ack())
		}
		if !mine {
			c.finished.Add(1)
			continue
		}
		select {
		case waiting <- msg:
		case <-ctx.Done():
			c.sent(msg.Nak())
			return nil
		}
	}
}

// gather waits for one message and takes all others that are waiting; nil when ctx ends.
func gather(ctx context.Context, waiting <-chan jetstream.Msg, maxBatch int) (batch []jetstream.Msg) {
	select {
	case <-ctx.Done():
		return nil // though messages wait
	default:
	}
	select {
	case msg := <-waiting:
		batch = append(batch, msg)
	case <-ctx.Done():
		return nil
	}
	for len(batch) < maxBatch {
		select {
		case msg := <-waiting:
			batch = append(batch, msg)
		default:
			return batch
		}
	}
	return batch
}

// release ends a subscription and gives back what was delivered and not begun, so that another replica receives it at once and not
// after ackWait.
func (c *consumption) release(ctx context.Context, iterator jetstream.MessagesContext, waiting <-chan jetstream.Msg) {
	defer iterator.Stop()
	if !c.Conn.IsConnected() {
		return // the server delivers them again on its own
	}
	for len(waiting) > 0 {
		c.sent((<-waiting).Nak())
	}
	iterator.Drain()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	for {
		msg, err := iterator.Next(jetstream.NextContext(ctx))
		if err != nil {
			return
		}
		c.sent(msg.Nak())
	}
}
