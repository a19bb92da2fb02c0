// Package closer closes tills: it adds up a terminal's records since its closing before, signs the sums and stores them under the till's key
// (infra/docs/CONTRACT.md, 3.4). No record waits for it: what a closing covers is read from the committed head, without its lock, and records
// that are committed meanwhile belong to the next one.
package closer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/wait"
)

// Limits of closings.
const (
	maxRunning = 2 // at a time: each keeps a core and a connection busy
	// runWithin is how long one may take: over a million records.
	runWithin = 30 * time.Second
	// stopWithin is how long those that run may go on when the gateway stops: their tills are still answered then.
	stopWithin = 3 * time.Second
	// maxTries is how often a closing starts over because another one of the same terminal was first, or a connection broke.
	maxTries   = 5
	maxAsked   = 5                     // how often one of its reads is tried
	askPause   = 20 * time.Millisecond // between two tries
	retryAfter = time.Second
)

// The refusals, all for now.
var (
	errBusy     = refusal.Later(refusal.Overloaded, retryAfter, "other tills are being closed: send it again with the same Idempotency-Key")
	errTooLong  = refusal.Later(refusal.Overloaded, retryAfter, "the records could not be added up in time: send it again with the same Idempotency-Key")
	errOvertook = refusal.Later(refusal.Overloaded, retryAfter,
		"other closings of this terminal were first, again and again: send it again with the same Idempotency-Key")
	errAway    = refusal.Later(refusal.StoreUnavailable, retryAfter, "the closing could not be stored: send it again with the same Idempotency-Key")
	errUnknown = refusal.Later(refusal.CommitUnknown, retryAfter,
		"it is not known yet whether the closing was stored: send it again with the same Idempotency-Key")
	errStopping = refusal.Later(refusal.StoreUnavailable, retryAfter, "this gateway is stopping: send it again with the same Idempotency-Key")
)

// errFirst is why a closing starts over.
var errFirst = errors.New("another closing of this terminal was first")

// Closer closes tills. It is safe for concurrent use.
type Closer struct {
	Parts

	slots   chan struct{} // one for each that runs
	running context.Context
	stop    context.CancelFunc

	mu      sync.Mutex // guards what follows
	stopped bool
	all     sync.WaitGroup // that were let in
}

// Parts are what a Closer works with; all but Summed must be set.
type Parts struct {
	Store   *store.Store
	Ready   func() bool                                               // whether the key that signs is recorded
	Summed  func(name string)                                         // called with each that is added up
	Sign    func(closing *event.SalesClosed, hash common.Hash) string // the promise over a closing's hash; safe for concurrent use
	Publish func(closing event.SalesClosed, trace event.Trace)        // of each that was stored; must not block
	Log     *slog.Logger
	Now     func() time.Time
}

// New makes a closer; Close ends it. Without one of its parts it is an Invalid fault.
func New(parts Parts) (*Closer, error) {
	switch {
	case parts.Sign == nil:
		return nil, fault.New(fault.Invalid, "closings can't be made without a key that signs them")
	case parts.Store == nil || parts.Ready == nil || parts.Publish == nil || parts.Log == nil || parts.Now == nil:
		return nil, fault.New(fault.Invalid, "closings can't be made without their parts")
	}
	c := &Closer{Parts: parts, slots: make(chan struct{}, maxRunning)}
	c.running, c.stop = context.WithCancel(context.Background())
	return c, nil
}

// Close refuses what comes later, and waits for what runs: after stopWithin that is ended, and stores nothing any more. It may be called again.
func (c *Closer) Close() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	timer := time.AfterFunc(stopWithin, c.stop)
	c.all.Wait()
	timer.Stop()
	c.stop()
}

func (c *Closer) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.all.Add(1)
	return true
}

// Make closes a terminal under a key, or finds what is stored under it: the body's bytes are the 201's. The error is a refusal, or Fatal where
// what is stored can't be added up. When ctx ends before it is stored, nothing is.
func (c *Closer) Make(ctx context.Context, of store.Terminal, key uuid.UUID, trace event.Trace) (body []byte, replayed bool, err error) {
	if !c.enter() {
		return nil, false, errStopping
	}
	defer c.all.Done()
	if !c.Ready() {
		return nil, false, errAway
	}
	ctx, cancel := context.WithTimeout(ctx, runWithin)
	defer cancel()
	defer context.AfterFunc(c.running, cancel)() //nolint:contextcheck // the closer's own end, beside the caller's
	body, replayed, err = c.make(ctx, of, key, trace)
	if err == nil || refusal.Of(err) != nil {
		return body, replayed, err
	}
	switch kind := fault.KindOf(err); {
	case c.running.Err() != nil:
		return nil, false, errStopping
	case ctx.Err() != nil:
		return nil, false, errTooLong
	case errors.Is(err, errFirst):
		return nil, false, errOvertook
	case kind == fault.Transient || kind == fault.Conflict:
		c.Log.Warn("a till could not be closed", "terminal", of.ID, "error", err)
		return nil, false, errAway
	}
	return nil, false, err
}

func (c *Closer) make(ctx context.Context, of store.Terminal, key uuid.UUID, trace event.Trace) (body []byte, replayed bool, err error) {
	under := store.KeyOf{TerminalID: of.ID, Key: key}
	for n := range maxTries {
		if body, err = ask(ctx, func() ([]byte, error) { return c.Store.ClosingUnder(ctx, under) }); body != nil || err != nil {
			return body, true, err
		}
		if n == 0 {
			select {
			case c.slots <- struct{}{}:
				defer func() { <-c.slots }()
			default:
				return nil, false, errBusy
			}
		}
		if body, err = c.try(ctx, of, under, trace); err == nil || !errors.Is(err, errFirst) {
			return body, false, err
		}
	}
	return nil, false, err
}

// try closes what earlier series left open, each chain on its own, and then the present chain.
func (c *Closer) try(ctx context.Context, of store.Terminal, under store.KeyOf, trace event.Trace) ([]byte, error) {
	chains, err := ask(ctx, func() ([]store.Chain, error) { return c.Store.Chains(ctx, of.ID) })
	if err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, fault.New(fault.Fatal, "the head of terminal %s is missing", of.ID)
	}
	before := store.Before{TerminalID: of.ID}
	present := len(chains) - 1
	for i := range chains[:present] {
		ended := &chains[i]
		if before.Chain = ended.Name(); ended.Records > ended.ClosedTo {
			own := store.KeyOf{TerminalID: of.ID, Key: keyOf(before.Chain, ended.Closings+1)}
			if _, err := c.one(ctx, ended, before, of.StoreID, own, trace); err != nil {
				return nil, err
			}
		}
		before.Ended = append(before.Ended, before.Chain)
	}
	before.Chain = chains[present].Name()
	return c.one(ctx, &chains[present], before, of.StoreID, under, trace)
}

// keyOf is the key of a closing that no till asked for: the same one whoever makes it, in the form of a UUID v4 (RFC 9562, 5.4).
func keyOf(chain string, number int64) uuid.UUID {
	hash := sale.Keccak(fmt.Appendf(nil, "closing %s/%d", chain, number))
	key := uuid.UUID(hash[:16])
	key[6] = key[6]&0x0f | 0x40
	key[8] = key[8]&0x3f | 0x80
	return key
}

// one makes and stores a chain's next closing.
func (c *Closer) one(ctx context.Context, of *store.Chain, before store.Before, storeID string, under store.KeyOf, trace event.Trace) ([]byte, error) {
	before.Number = uint64(of.Records)
	in := closing.Range{
		StoreID: storeID, TerminalID: before.Chain, Number: uint64(of.Closings) + 1, From: uint64(of.ClosedTo) + 1, To: before.Number,
		HeadHash: of.Hash, BeforeUS: of.ClosedAtUS,
	}
	sums, err := c.sum(ctx, in, before)
	if err != nil {
		return nil, err
	}
	closed, closedAtUS, err := sums.Closing(c.Now().UnixMicro())
	if err != nil {
		return nil, err
	}
	if c.Summed != nil {
		c.Summed(closed.Name())
	}
	closed.Promise = c.Sign(&closed, closing.Hash(closed))
	body, err := json.Marshal(closed) // as its event has it
	if err != nil {
		return nil, fault.New(fault.Fatal, "encode closing %s: %w", closed.Name(), err)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	added, err := c.Store.AddClosing(ctx, &store.Closing{
		Chain: in.TerminalID, Number: in.Number, StoreID: storeID, Under: under, From: in.From, To: in.To, ClosedAtUS: closedAtUS, Body: body,
	})
	switch {
	case errors.Is(err, store.ErrAway), errors.Is(err, store.ErrReplaced):
		return nil, err
	case fault.Is(err, fault.Transient):
		c.Log.Warn("it is not known whether a closing was stored", "closing", closed.Name(), "error", err)
		return nil, errUnknown
	case fault.Is(err, fault.Conflict), err == nil && !added:
		return nil, errFirst
	case err != nil:
		return nil, err
	}
	c.Publish(closed, trace)
	return body, nil
}

// ask tries a read again that failed for the moment, unless Postgres is away.
func ask[T any](ctx context.Context, read func() (T, error)) (T, error) {
	for n := 1; ; n++ {
		got, err := read()
		kind := fault.KindOf(err)
		if err == nil || n == maxAsked || errors.Is(err, store.ErrAway) || kind != fault.Transient && kind != fault.Conflict || !wait.Pause(ctx, askPause) {
			return got, err
		}
	}
}
