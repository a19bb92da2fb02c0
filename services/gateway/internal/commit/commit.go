// Package commit makes records into sales: what arrives together is committed together, in order of arrival, each exactly once
// (infra/docs/CONTRACT.md, 3). decide.go has the pure rules; group.go runs them in one transaction; this file queues records and answers them.
//
//	Record → arrivals → claims (Redis) → ready → one committer (Postgres) → answers
//	                        ↘ held (another gateway has the key) ↗
package commit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/replay"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/event"
)

// Limits of the queues.
const (
	maxGroup   = 128  // smaller ones cost more a record; larger ones leave a core idle while they commit, and hold their locks longer
	maxWaiting = 4096 // records between HTTP and Postgres; 32 of the largest groups
	maxDone    = 4096 // outcomes waiting to be written to Redis; what does not fit is not cached
	// maxWait is the longest that a record may expect to wait before its commit (infra/docs/CONTRACT.md, 2.5: OVERLOADED).
	maxWait = 400 * time.Millisecond
	// answerWithin is the longest that a till is kept waiting, whatever hangs. It covers a group's tries.
	answerWithin = 2500 * time.Millisecond
)

// Metrics are called with what the committer measures, from any goroutine.
type Metrics struct {
	Group func(size int, took time.Duration)
}

// Committer takes records in and answers them. It is safe for concurrent use.
type Committer struct {
	grouper *Grouper
	cache   *replay.Cache
	publish func(store.Sale, *Item, event.Trace)
	metrics Metrics
	log     *slog.Logger

	mu       sync.Mutex // guards what follows, and the right to send on arrivals
	inFlight map[store.KeyOf]*work
	closed   bool

	arrivals, ready, held chan *work
	done                  chan replay.Done
	groupTime             atomic.Int64 // nanoseconds that a group takes, a moving average
	running               sync.WaitGroup
}

// work is one record on its way to its commit. Its leader is the first with its key in this process; the followers wait for its outcome.
type work struct {
	item      Item
	trace     event.Trace
	token     string // of the claim in Redis
	cached    bool   // Redis has the answer
	ordered   bool   // one of a batch: it does not step aside for another gateway's claim, or what follows would overtake it
	heldUntil time.Time
	state     atomic.Int32
	done      chan Outcome // one outcome, buffered: nobody may be waiting any more
	followers []*work      // guarded by Committer.mu
}

// States of work: a till whose time is up withdraws only what the committer has not begun.
const (
	waiting int32 = iota
	taken
	abandoned
)

// New starts a committer; publish is called for each committed sale and must not block. Close drains it; the end of ctx aborts it.
func New(
	ctx context.Context, grouper *Grouper, cache *replay.Cache, publish func(store.Sale, *Item, event.Trace), metrics Metrics, log *slog.Logger,
) *Committer {
	c := &Committer{
		grouper: grouper, cache: cache, publish: publish, metrics: metrics, log: log,
		inFlight: make(map[store.KeyOf]*work),
		arrivals: make(chan *work, maxWaiting), ready: make(chan *work, maxWaiting), held: make(chan *work, maxWaiting),
		done: make(chan replay.Done, maxDone),
	}
	var feeders sync.WaitGroup
	feeders.Go(func() {
		c.claim(ctx)
		close(c.held)
	})
	feeders.Go(func() { c.waitForOthers(ctx) })
	c.running.Go(func() {
		feeders.Wait()
		close(c.ready)
	})
	c.running.Go(func() {
		c.commit(ctx)
		close(c.done)
	})
	c.running.Go(func() { c.cacheOutcomes(ctx) })
	return c
}

// Close commits what was taken in and returns when all of it is answered.
func (c *Committer) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.arrivals)
	}
	c.mu.Unlock()
	c.running.Wait()
}

// Waiting is how many records wait for their commit.
func (c *Committer) Waiting() int { return len(c.arrivals) + len(c.ready) + len(c.held) }

// Record commits a record, or finds what is stored under its key. The answer's bytes are the 201's; the error is a refusal.
// The item and what it refers to belong to the committer from here on: a record whose till has gone is committed all the same.
func (c *Committer) Record(item Item, trace event.Trace) (answer []byte, replayed bool, err error) {
	w := &work{item: item, trace: trace, done: make(chan Outcome, 1)}
	leads, refused := c.admit(w)
	if refused != nil {
		return nil, false, refused
	}
	timer := time.NewTimer(answerWithin)
	defer timer.Stop()
	select {
	case out := <-w.done:
		if out.Refused != nil {
			return nil, false, out.Refused
		}
		return out.Kept.Answer, out.Replayed, nil
	case <-timer.C:
	}
	return nil, false, w.giveUp(leads)
}

// giveUp is the answer to a till whose time is up.
func (w *work) giveUp(leads bool) *refusal.Error {
	switch {
	case !leads:
		return refusal.Later(refusal.InFlight, retryAfter, "a record with this Idempotency-Key is still being processed")
	case w.state.CompareAndSwap(waiting, abandoned):
		return refusal.Later(refusal.StoreUnavailable, retryAfter, "the record could not be stored: send it again")
	}
	return refusal.Later(refusal.CommitUnknown, retryAfter, "it is not known yet whether the record was committed: send it again with the same Idempotency-Key")
}

// admit queues w, or makes it a follower of the work in flight with its key.
func (c *Committer) admit(w *work) (leads bool, refused *refusal.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if leader := c.inFlight[w.item.under()]; leader != nil {
		leader.followers = append(leader.followers, w) // bounded by the HTTP server's connections, and a batch's step on each
		return false, nil
	}
	if refused := c.full(1); refused != nil {
		return true, refused
	}
	c.arrivals <- w // there is room, and only a holder of mu sends
	c.inFlight[w.item.under()] = w
	return true, nil
}

// full is the refusal when n more records can't be taken in now. Called with mu held.
func (c *Committer) full(n int) *refusal.Error {
	switch {
	case c.closed:
		return refusal.Later(refusal.StoreUnavailable, retryAfter, "this gateway is stopping: send it again")
	case c.overloaded(), cap(c.arrivals)-len(c.arrivals) < n:
		return errOverloaded
	}
	return nil
}

var errOverloaded = refusal.Later(refusal.Overloaded, retryAfter, "too many records are waiting to be committed in time: send it again")

// overloaded estimates the wait of one more record: the group that runs, those before its own, and its own. When nothing is waiting a record
// is always let in, so that one slow group can't cause refusals for good.
func (c *Committer) overloaded() bool {
	before := len(c.arrivals) + len(c.ready)
	if before == 0 {
		return false
	}
	groups := int64(before/maxGroup + 2)
	return groups*c.groupTime.Load() > int64(maxWait)
}

// measured moves the average a quarter of the way.
func (c *Committer) measured(took time.Duration) {
	const quarter = 4
	c.groupTime.Add((int64(took) - c.groupTime.Load()) / quarter)
}

// gather waits for one piece of work and takes all others that are waiting: no delay when idle, large groups under load.
func gather(from <-chan *work) []*work {
	first, open := <-from
	if !open {
		return nil
	}
	group := []*work{first}
	for len(group) < maxGroup {
		select {
		case w, open := <-from:
			if !open {
				return group
			}
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

// commit runs groups until ready is closed. It is the only one that commits: one committer makes larger groups than several.
func (c *Committer) commit(ctx context.Context) {
	for {
		gathered := gather(c.ready)
		if gathered == nil {
			return
		}
		group := gathered[:0]
		for _, w := range gathered {
			if w.state.CompareAndSwap(waiting, taken) {
				group = append(group, w)
				continue
			}
			c.finish(w, Outcome{Refused: refusal.Later(refusal.StoreUnavailable, retryAfter, "the record could not be stored: send it again")})
		}
		if len(group) > 0 {
			c.commitGroup(ctx, group)
		}
	}
}

func (c *Committer) commitGroup(ctx context.Context, group []*work) {
	items := make([]*Item, len(group))
	for i, w := range group {
		items[i] = &w.item
	}
	start := time.Now()
	outcomes := c.grouper.Commit(ctx, items)
	took := time.Since(start)
	c.measured(took)
	c.metrics.Group(len(group), took)
	for i, w := range group {
		c.finish(w, outcomes[i])
	}
	for i, w := range group {
		if sold := outcomes[i].Sale; sold != nil {
			c.publish(*sold, &w.item, w.trace)
		}
	}
}

// finish answers w and its followers, and frees the key for what comes next.
func (c *Committer) finish(w *work, out Outcome) {
	c.mu.Lock()
	delete(c.inFlight, w.item.under())
	followers := w.followers
	w.followers = nil
	c.mu.Unlock()
	w.done <- out
	done := replay.Done{Key: w.item.under(), Kept: out.Kept, Token: w.token}
	if w.cached {
		done.Kept = nil
	}
	if done.Kept != nil || done.Token != "" {
		select {
		case c.done <- done:
		default: // Postgres has it
		}
	}
	for _, f := range followers {
		c.follow(f, out)
	}
}

// follow answers work whose leader is done, or queues it when the leader's refusal does not apply to it.
func (c *Committer) follow(f *work, led Outcome) {
	switch {
	case led.Kept != nil:
		out := Outcome{Kept: led.Kept, Replayed: true}
		if _, err := led.Kept.Replay(f.item.Record.Fingerprint); err != nil {
			out.Refused = refusal.Of(err)
		}
		f.done <- out
	case led.Refused.RetryAfter > 0:
		f.done <- led
	default:
		if leads, refused := c.admit(f); leads && refused != nil {
			f.done <- Outcome{Refused: refused}
		}
	}
}
