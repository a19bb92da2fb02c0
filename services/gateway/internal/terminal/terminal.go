// Package terminal knows the tills: which terminal a request's key belongs to, whether it may record, and how fast.
package terminal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
)

// Limits.
const (
	// cacheLife is how long a key's terminal is cached: a suspension or a revoked key takes effect within it.
	cacheLife = 900 * time.Millisecond
	// refreshAfter is when a key that is in use is read again, while its till goes on with what is cached: no till that sells all the time waits.
	refreshAfter = cacheLife / 2
	maxKnown     = 20_000 // keys and terminals kept in memory; beyond, all are dropped and read again
	burstSeconds = 2      // of a terminal's rate that it may use at once
	retryAfter   = time.Second

	keyPrefix = "till_"
	keyBytes  = 32
)

var keyLength = len(keyPrefix) + base64.RawURLEncoding.EncodedLen(keyBytes)

// NewKey makes a terminal's key and its SHA-256, which is all that is stored.
func NewKey() (key string, hash [32]byte) {
	var random [keyBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	return key, sha256.Sum256([]byte(key))
}

type entry struct {
	terminal store.Terminal
	read     time.Time
	asked    bool // again, in the background
}

// Registry knows the tills. It is safe for concurrent use.
type Registry struct {
	store *store.Store
	rate  rate.Limit
	asked lookups

	mu     sync.Mutex
	known  map[[32]byte]entry
	limits map[string]*rate.Limiter // by terminal id
}

// New makes a registry in which each terminal may send perSecond requests.
func New(s *store.Store, perSecond int) *Registry {
	r := &Registry{store: s, rate: rate.Limit(perSecond), known: make(map[[32]byte]entry), limits: make(map[string]*rate.Limiter)}
	r.asked = lookups{read: s.TerminalsByKey, tell: r.remember}
	return r
}

// Authenticate returns the terminal whose key an Authorization header carries. The error is a refusal: UNAUTHENTICATED,
// FORBIDDEN, RATE_LIMITED or STORE_UNAVAILABLE.
func (r *Registry) Authenticate(ctx context.Context, header string) (store.Terminal, error) {
	scheme, key, _ := strings.Cut(strings.TrimSpace(header), " ")
	key = strings.TrimSpace(key)
	switch {
	case scheme == "":
		return store.Terminal{}, errNoKey
	case !strings.EqualFold(scheme, "Bearer") || key == "":
		return store.Terminal{}, ErrNotBearer
	case len(key) != keyLength || !strings.HasPrefix(key, keyPrefix):
		return store.Terminal{}, errUnknownKey // in the same words as for one of the right form, so that a guesser learns nothing
	}
	t, err := r.terminalOf(ctx, sha256.Sum256([]byte(key)))
	if err != nil {
		return store.Terminal{}, err
	}
	if t.Suspended {
		return store.Terminal{}, refusal.New(refusal.Forbidden, "this terminal is suspended")
	}
	return t, nil
}

// The refusals of a request that carries no terminal's key.
var (
	errNoKey = refusal.New(refusal.Unauthenticated, "send the terminal's key as Authorization: Bearer <key>")
	// ErrNotBearer is also what a request with two such headers gets.
	ErrNotBearer = refusal.New(refusal.Unauthenticated,
		"the Authorization header is malformed or repeated: send the terminal's key once, as Authorization: Bearer <key>")
	errUnknownKey = refusal.New(refusal.Unauthenticated, "no terminal has this key, or it was revoked")
)

// terminalOf is the cached terminal of a key, or what Postgres answers once the key has been asked for.
func (r *Registry) terminalOf(ctx context.Context, hash [32]byte) (store.Terminal, error) {
	e, again := r.recall(hash)
	switch {
	case time.Since(e.read) > cacheLife: // or there is none
		f, err := r.asked.ask(ctx, hash)
		if err == nil && !f.ok {
			err = errUnknownKey
		}
		return f.terminal, err
	case again:
		r.asked.join(ctx, hash)
	}
	return e.terminal, nil
}

// recall returns what is cached for a key, and whether it is time to read it again, which it says once: when that fails, the next request waits.
func (r *Registry) recall(hash [32]byte) (e entry, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, known := r.known[hash]
	if again = known && !e.asked && time.Since(e.read) > refreshAfter; again {
		e.asked = true
		r.known[hash] = e
	}
	return e, again
}

// remember caches what was found for a key.
func (r *Registry) remember(hash [32]byte, f found) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !f.ok {
		delete(r.known, hash)
		return
	}
	if _, known := r.known[hash]; !known && len(r.known) >= maxKnown {
		clear(r.known)
	}
	r.known[hash] = entry{terminal: f.terminal, read: f.at}
}

// Allow counts a request against its terminal's rate; the error is RATE_LIMITED.
func (r *Registry) Allow(terminalID string) error {
	if !r.limitOf(terminalID).Allow() {
		return ErrTooFast
	}
	return nil
}

// AllowSome counts n records of one request and returns how many of them the terminal's rate lets through: the first ones, since
// what is refused is sent again in order.
func (r *Registry) AllowSome(terminalID string, n int) int {
	limit := r.limitOf(terminalID)
	for i := range n {
		if !limit.Allow() {
			return i
		}
	}
	return n
}

// ErrTooFast refuses what is beyond a terminal's rate.
var ErrTooFast = refusal.Later(refusal.RateLimited, retryAfter, "this terminal sends more requests than it may: wait and send it again")

func (r *Registry) limitOf(terminalID string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.limits[terminalID]
	if limit == nil {
		if len(r.limits) >= maxKnown {
			clear(r.limits)
		}
		limit = rate.NewLimiter(r.rate, burstSeconds*int(r.rate))
		r.limits[terminalID] = limit
	}
	return limit
}
