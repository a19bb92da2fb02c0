package commit

import (
	"context"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/event"
)

// batchStep is how many records of one batch wait for their commit at a time. Half a group, so that a till that comes back with a day's sales
// does not hold up those that serve a customer.
const batchStep = 64

// Batch records items in their order, each as Record would. A step of them is queued at once, so that nothing comes between, and the next once
// it is answered. When the gateway can't commit a step now, what follows is not tried: its till sends it again, in order.
func (c *Committer) Batch(items []Item, trace event.Trace) []Outcome {
	out, missing := make([]Outcome, 0, len(items)), false
	for rest := items; len(rest) > 0; {
		n := stepOf(rest)
		done := c.step(rest[:n], trace)
		rest = rest[n:]
		missing = keepOrder(done, missing)
		out = append(out, done...)
		if why := cannotNow(done); why != nil {
			for len(out) < len(items) {
				out = append(out, Outcome{Refused: why})
			}
			break
		}
	}
	return out
}

// stepOf is how many of items make the next step. A key that is repeated begins another step: if the first were refused, the second would be
// tried after those that follow it.
func stepOf(items []Item) int {
	seen := make(map[store.KeyOf]bool, batchStep)
	for n := range items {
		under := items[n].under()
		if n == batchStep || seen[under] {
			return n
		}
		seen[under] = true
	}
	return len(items)
}

// step queues items and waits for the outcome of each.
func (c *Committer) step(items []Item, trace event.Trace) []Outcome {
	all := make([]*work, len(items))
	for i := range items {
		all[i] = &work{item: items[i], trace: trace, done: make(chan Outcome, 1), ordered: true}
	}
	leads := c.admitAll(all)
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	out := make([]Outcome, len(items))
	for i, w := range all {
		select {
		case out[i] = <-w.done:
			continue
		default:
		}
		select {
		case out[i] = <-w.done:
		case <-ctx.Done():
			out[i].Refused = w.giveUp(leads[i])
		}
	}
	return out
}

// admitAll queues all leaders or none of them, in order; an item whose key is in flight waits for that work.
func (c *Committer) admitAll(all []*work) (leads []bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	leads = make([]bool, len(all))
	refused := c.full(len(all))
	for i, w := range all {
		leader := c.inFlight[w.item.under()]
		switch leads[i] = leader == nil; {
		case leader != nil:
			leader.followers = append(leader.followers, w)
		case refused != nil:
			w.done <- Outcome{Refused: refused}
		default:
			c.arrivals <- w // full has checked that there is room, and only a holder of mu sends
			c.inFlight[w.item.under()] = w
		}
	}
	return leads
}

// keepOrder revises what was decided without an earlier record of the batch that must be sent again: a refund may have missed its sale, a
// redemption the points, a further part of a refund the one before it. missing is whether a record before the step must be sent again; the
// result is whether one before the next step must.
func keepOrder(step []Outcome, missing bool) bool {
	for i := range step {
		why := step[i].Refused
		switch {
		case why == nil:
		case why.RetryAfter > 0:
			missing = true
		case missing && (why.Code == refusal.NotFound || why.Code == refusal.FewPoints || why.Code == refusal.TotalsMismatch):
			step[i] = Outcome{Refused: errEarlierFirst}
		}
	}
	return missing
}

// cannotNow is the refusal of the records after a step, nil when they can be tried. That another gateway has a key does not affect them.
func cannotNow(step []Outcome) *refusal.Error {
	for i := range step {
		switch why := step[i].Refused; {
		case why == nil:
		case why.Code == refusal.Overloaded:
			return errOverloaded
		case why.Code == refusal.StoreUnavailable, why.Code == refusal.CommitUnknown:
			return errEarlierFirst
		}
	}
	return nil
}

var errEarlierFirst = refusal.Later(refusal.StoreUnavailable, retryAfter,
	"an earlier record of the batch could not be stored: send it and this one again, in order")
