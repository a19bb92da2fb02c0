// Package publish publishes committed sales, while no till waits for it. A sale that could not be published stays a sale: the ledger's
// reconciler publishes again what has no leaf.
package publish

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// Limits.
const (
	maxQueued    = 8192     // sales that NATS has not acknowledged; some seconds at the highest rate
	maxHeld      = 16 << 20 // bytes of memory that they may take: a long receipt has hundreds of lines
	maxBatch     = 512
	collectFor   = 5 * time.Millisecond // before a batch is sent: fewer and larger flushes, and nobody waits for them
	flushTimeout = 3 * time.Second      // for what is queued when the gateway stops
	logEvery     = 10 * time.Second
)

// Sold is a committed record.
type Sold struct {
	Sale    sale.Sale
	Hash    [32]byte
	Points  event.Points
	Sent    event.Sent
	Request int // bytes of what was received
	Trace   event.Trace
}

// Publisher publishes SaleRecorded. Publish must not be called after Close.
type Publisher struct {
	bus     *stream.Bus
	log     *slog.Logger
	dropped func()

	queue   chan Sold
	held    atomic.Int64 // bytes, of what is queued and of what is being published
	abandon context.CancelFunc
	done    chan struct{}
	logged  rate.Sometimes // that some were left out
}

// New starts a publisher; dropped is called for each sale that did not fit. Close drains it; the end of ctx aborts it.
func New(ctx context.Context, bus *stream.Bus, log *slog.Logger, dropped func()) *Publisher {
	ctx, cancel := context.WithCancel(ctx)
	p := &Publisher{
		bus: bus, log: log, dropped: dropped, queue: make(chan Sold, maxQueued), abandon: cancel, done: make(chan struct{}),
		logged: rate.Sometimes{Interval: logEvery},
	}
	go p.run(ctx)
	return p
}

// Waiting is how many sales wait to be published.
func (p *Publisher) Waiting() int { return len(p.queue) }

// Publish queues a sale and never blocks. One goroutine calls it.
func (p *Publisher) Publish(s Sold) {
	size := sizeOf(s)
	if p.held.Load()+size <= maxHeld {
		select {
		case p.queue <- s:
			p.held.Add(size)
			return
		default:
		}
	}
	p.dropped()
	p.logged.Do(func() {
		p.log.Warn("sales are committed faster than NATS accepts them: the reconciler will publish the ones that did not fit", "queued", len(p.queue))
	})
}

// Close publishes what is queued, for flushTimeout at most.
func (p *Publisher) Close() {
	close(p.queue)
	timer := time.AfterFunc(flushTimeout, p.abandon)
	<-p.done
	timer.Stop()
	p.abandon()
}

func (p *Publisher) run(ctx context.Context) {
	defer close(p.done)
	for first := range p.queue {
		collect := time.NewTimer(collectFor)
		<-collect.C
		msgs, held := p.add(nil, first), sizeOf(first)
	more:
		for len(msgs) < maxBatch {
			select {
			case s, open := <-p.queue:
				if !open {
					break more
				}
				msgs, held = p.add(msgs, s), held+sizeOf(s)
			default:
				break more
			}
		}
		if err := p.bus.PublishAll(ctx, msgs); err != nil {
			p.log.Warn("the gateway stopped before NATS accepted its last sales: the reconciler will publish them", "sales", len(msgs)+len(p.queue), "error", err)
			return
		}
		p.held.Add(-held)
	}
}

// add adds the message of a sale to msgs, unless it is larger than what NATS takes: it would be tried for ever, and others would wait for it.
func (p *Publisher) add(msgs []*nats.Msg, s Sold) []*nats.Msg {
	msg := message(s)
	if err := p.bus.Fits(msg); err != nil {
		p.log.Error("a sale is larger than what NATS takes and is not published: the reconciler will park it", "sale_id", s.Sale.SaleID, "error", err)
		return msgs
	}
	return append(msgs, msg)
}

// sizeOf estimates the bytes that a sale takes while it waits: its facts and what was sent, of which its texts are pieces.
func sizeOf(s Sold) int64 {
	const facts, line, tax, tender = 1 << 10, 160, 48, 80
	n := facts + s.Request + len(s.Sent.Lines)*line + len(s.Sent.Tenders)*tender
	for i := range s.Sent.Lines {
		n += len(s.Sent.Lines[i].Taxes) * tax
	}
	return int64(n)
}

func message(s Sold) *nats.Msg {
	return event.Recorded(event.RecordedOf(s.Sale, s.Hash, s.Points, s.Sent), "gateway", 0, s.Trace)
}
