package terminal

import (
	"context"
	"sync"
	"time"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/wait"
)

// Limits of looking keys up. Whoever guesses keys shares queries with the tills: guessing costs Postgres no more than these queries, one at a
// time, and locks nobody out.
const (
	maxAsked  = 512                  // keys in one query: a millisecond or two
	maxWaits  = 16384                // keys that wait for one, twice the connections that the server accepts
	askPause  = 5 * time.Millisecond // between two queries; the first goes out at once
	askWithin = time.Second          // the longest that a request waits; the store's own limits end a query earlier
)

// lookups reads keys in common: what is asked while one query runs goes into the next.
type lookups struct {
	read func(context.Context, [][32]byte) (map[[32]byte]store.Terminal, error)
	tell func(hash [32]byte, f found) // what was read of each key, before those who wait for it go on

	mu      sync.Mutex
	waiting []*lookup
	byHash  map[[32]byte]*lookup // of waiting
	running bool
}

// lookup is one key's. What follows done is set before it is closed.
type lookup struct {
	hash [32]byte
	done chan struct{}

	found
	err error
}

// found is what a query found for a key, as of at.
type found struct {
	terminal store.Terminal
	ok       bool
	at       time.Time
}

// ask waits for Postgres's answer about a key. The error is a refusal.
func (l *lookups) ask(ctx context.Context, hash [32]byte) (found, error) {
	one := l.join(ctx, hash)
	if one == nil {
		return found{}, refusal.Later(refusal.RateLimited, retryAfter, "too many unknown keys are being tried: send it again")
	}
	timer := time.NewTimer(askWithin)
	defer timer.Stop()
	select {
	case <-one.done:
		return one.found, one.err
	case <-timer.C:
		return found{}, errUnchecked
	}
}

var errUnchecked = refusal.Later(refusal.StoreUnavailable, retryAfter, "the terminal's key could not be checked: send it again")

// join adds a key to the next query, and starts it when none runs. Nobody has to wait for it. It returns nil when too many wait.
func (l *lookups) join(ctx context.Context, hash [32]byte) *lookup {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.byHash[hash]; one != nil {
		return one
	}
	if len(l.waiting) >= maxWaits {
		return nil
	}
	one := &lookup{hash: hash, done: make(chan struct{})}
	if l.byHash == nil {
		l.byHash = make(map[[32]byte]*lookup)
	}
	l.waiting, l.byHash[hash] = append(l.waiting, one), one
	if !l.running {
		l.running = true
		go l.run(context.WithoutCancel(ctx))
	}
	return one
}

// run queries until nobody waits. A request waits for its answer only, not for the short pause after it.
func (l *lookups) run(ctx context.Context) {
	for {
		some := l.take()
		if some == nil {
			return
		}
		l.answer(ctx, some)
		wait.Pause(ctx, askPause)
	}
}

// take removes the keys for the next query, oldest first; nil when nobody waits.
func (l *lookups) take() []*lookup {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), maxAsked)
	if n == 0 {
		l.running, l.waiting = false, nil
		return nil
	}
	some := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	for _, one := range some {
		delete(l.byHash, one.hash)
	}
	return some
}

func (l *lookups) answer(ctx context.Context, some []*lookup) {
	hashes := make([][32]byte, len(some))
	for i, one := range some {
		hashes[i] = one.hash
	}
	at := time.Now()
	terminals, err := l.read(ctx, hashes)
	for _, one := range some {
		if one.at = at; err != nil {
			one.err = errUnchecked
		} else {
			one.terminal, one.ok = terminals[one.hash]
			l.tell(one.hash, one.found)
		}
		close(one.done)
	}
}
