package publish

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

// maxClosings is how many closings may wait for NATS: each of a few hundred tills' days.
const maxClosings = 1024

// Closings publishes SalesClosed, beside the sales: neither waits for the other's stream. Publish must not be called after Close.
type Closings struct {
	bus     *stream.Bus
	log     *slog.Logger
	queue   chan *nats.Msg
	abandon context.CancelFunc
	done    chan struct{}
	logged  rate.Sometimes // that some were left out
}

// NewClosings starts a publisher of closings. Close drains it; the end of ctx aborts it.
func NewClosings(ctx context.Context, bus *stream.Bus, log *slog.Logger) *Closings {
	ctx, cancel := context.WithCancel(ctx)
	p := &Closings{
		bus: bus, log: log, queue: make(chan *nats.Msg, maxClosings), abandon: cancel, done: make(chan struct{}),
		logged: rate.Sometimes{Interval: logEvery},
	}
	go p.run(ctx)
	return p
}

// Waiting is how many closings wait to be published.
func (p *Closings) Waiting() int { return len(p.queue) }

// Publish queues a closing and never blocks. It is safe for concurrent use.
func (p *Closings) Publish(closing event.SalesClosed, trace event.Trace) {
	select {
	case p.queue <- event.Closed(closing, "gateway", 0, trace):
	default:
		p.logged.Do(func() {
			p.log.Warn("tills are closed faster than NATS accepts it: the reconciler will publish the closings that did not fit", "queued", len(p.queue))
		})
	}
}

// Close publishes what is queued, for flushTimeout at most.
func (p *Closings) Close() {
	close(p.queue)
	timer := time.AfterFunc(flushTimeout, p.abandon)
	<-p.done
	timer.Stop()
	p.abandon()
}

func (p *Closings) run(ctx context.Context) {
	defer close(p.done)
	for msg := range p.queue {
		if err := p.bus.Fits(msg); err != nil {
			p.log.Error("a closing is larger than what NATS takes and is not published: it has thousands of types of tender or rates of tax",
				"closing", event.SubjectOf(msg.Header), "error", err)
			continue // it would be tried for ever, and others would wait for it
		}
		if err := p.bus.PublishAll(ctx, []*nats.Msg{msg}); err != nil {
			p.log.Warn("the gateway stopped before NATS accepted its last closings: the reconciler will publish them", "closings", 1+len(p.queue), "error", err)
			return
		}
	}
}
