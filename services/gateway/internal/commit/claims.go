package commit

import (
	"context"
	"time"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/replay"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/wait"
)

// Limits of waiting for another gateway.
const (
	// waitForOther is how long a key that another gateway holds is checked again before its till is answered 409.
	waitForOther = 250 * time.Millisecond
	checkAgain   = 10 * time.Millisecond
)

// claim asks Redis about what has arrived, one pipeline for each group, and passes it on in order.
func (c *Committer) claim(ctx context.Context) {
	for {
		group := gather(c.arrivals)
		if group == nil {
			return
		}
		for _, w := range c.ask(ctx, group) {
			w.heldUntil = time.Now().Add(waitForOther)
			c.held <- w
		}
	}
}

// ask answers what Redis has answers for, passes on what this gateway has claimed, and returns what another gateway holds. A cached answer is
// as good as the row that it was copied from: rows never change.
func (c *Committer) ask(ctx context.Context, group []*work) (held []*work) {
	for i, claim := range c.cache.Claims(ctx, keysOf(group)) {
		w := group[i]
		w.token = claim.Token
		switch {
		case claim.Kept != nil:
			w.cached = true
			c.replay(w, *claim.Kept)
		case claim.Held && !w.ordered: // a claim only avoids duplicate work: for a batch the unique constraint decides
			held = append(held, w)
		default:
			c.ready <- w
		}
	}
	return held
}

func keysOf(group []*work) []store.KeyOf {
	keys := make([]store.KeyOf, len(group))
	for i, w := range group {
		keys[i] = w.item.under()
	}
	return keys
}

func (c *Committer) replay(w *work, kept record.Kept) {
	out := Outcome{Kept: &kept, Replayed: true}
	if _, err := kept.Replay(w.item.Record.Fingerprint); err != nil {
		out.Refused = refusal.Of(err)
	}
	c.finish(w, out)
}

// waitForOthers waits with work whose key another gateway holds, or held when it died: it reads Postgres first, then tries to claim the key
// until it is free or the time is up.
func (c *Committer) waitForOthers(ctx context.Context) {
	var waiting []*work
	open := true
	for open || len(waiting) > 0 {
		if len(waiting) == 0 {
			w, more := <-c.held
			if open = more; more {
				waiting = append(waiting, w)
			}
		}
		waiting, open = c.moreHeld(waiting, open)
		if waiting = c.answerHeld(ctx, waiting, open); len(waiting) > 0 {
			wait.Pause(ctx, checkAgain)
			waiting = c.ask(ctx, waiting)
		}
	}
}

// moreHeld takes in what else has come, up to the size of a group: the others wait in the channel.
func (c *Committer) moreHeld(waiting []*work, open bool) ([]*work, bool) {
	for open && len(waiting) < maxGroup {
		select {
		case w, more := <-c.held:
			if !more {
				return waiting, false
			}
			waiting = append(waiting, w)
		default:
			return waiting, true
		}
	}
	return waiting, open
}

// answerHeld answers what Postgres has by now, and what has waited long enough, and returns the rest. Once the gateway stops nothing waits.
func (c *Committer) answerHeld(ctx context.Context, waiting []*work, open bool) []*work {
	if len(waiting) == 0 {
		return nil
	}
	kept, altered, err := c.grouper.kept(ctx, keysOf(waiting))
	rest := waiting[:0]
	for _, w := range waiting {
		found, used := kept[w.item.under()]
		switch {
		case altered[w.item.under()]:
			c.finish(w, Outcome{Refused: errAlteredKept})
		case used:
			c.replay(w, found)
		case err != nil:
			c.finish(w, Outcome{Refused: refusal.Later(refusal.StoreUnavailable, retryAfter, "the record could not be stored: send it again")})
		case !open || time.Now().After(w.heldUntil):
			c.finish(w, Outcome{Refused: refusal.Later(refusal.InFlight, retryAfter, "a record with this Idempotency-Key is still being processed")})
		default:
			rest = append(rest, w)
		}
	}
	return rest
}

// cacheEvery is how long outcomes are collected before they are written to Redis: until then a key's claim answers for it.
const cacheEvery = 5 * time.Millisecond

// cacheOutcomes writes the outcomes of keys to Redis, while no till waits for it.
func (c *Committer) cacheOutcomes(ctx context.Context) {
	for first := range c.done {
		collect := time.NewTimer(cacheEvery)
		<-collect.C
		all := []replay.Done{first}
	more:
		for len(all) < maxGroup {
			select {
			case s, open := <-c.done:
				if !open {
					break more
				}
				all = append(all, s)
			default:
				break more
			}
		}
		c.cache.Finish(ctx, all)
	}
}
