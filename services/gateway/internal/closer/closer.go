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
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/wait"
)

// Limits of closings.
const (
	maxRunning = 2 // at a time: each keeps a core and a connection busy
	// maxWaiting is how many wait for their turn: a shop's tills are closed at the same hour.
	maxWaiting = 64
	// maxOfTerminal is how many of one terminal run and wait, so that one till does not take the places of all others.
	maxOfTerminal = 4
	// runWithin is how long one may take, its wait included: over a million records.
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
	errBusyTill = refusal.Later(refusal.Overloaded, retryAfter,
		"this terminal is being closed already, several times at once: send it again with the same Idempotency-Key")
	errBusy     = refusal.Later(refusal.Overloaded, retryAfter, "many other tills are being closed: send it again with the same Idempotency-Key")
	errTooLong  = refusal.Later(refusal.Overloaded, retryAfter, "the till could not be closed in time: send it again with the same Idempotency-Key")
	errOvertook = refusal.Later(refusal.Overloaded, retryAfter,
		"other closings of this terminal, or a new series, were first again and again: send it again with the same Idempotency-Key")
	errAway    = refusal.Later(refusal.StoreUnavailable, retryAfter, "the closing could not be stored: send it again with the same Idempotency-Key")
	errUnknown = refusal.Later(refusal.CommitUnknown, retryAfter,
		"it is not known yet whether the closing was stored: send it again with the same Idempotency-Key")
	errStopping = refusal.Later(refusal.StoreUnavailable, retryAfter, "this gateway is stopping: send it again with the same Idempotency-Key")
)

// errFirst is why a closing starts over.
var errFirst = errors.New("another closing of this terminal, or a new series, was first")

// Closer closes tills. It is safe for concurrent use.
type Closer struct {
	Parts

	slots   chan struct{} // one for each that runs
	waiting chan struct{} // and one for each that waits for such a slot
	running context.Context
	stop    context.CancelFunc // ends what runs
	open    context.Context
	shut    context.CancelFunc // refuses what comes and what waits

	mu  sync.Mutex     // none is let in once it is shut
	all sync.WaitGroup // that were let in
	of  map[string]int // that run or wait, by terminal
}

// Parts are what a Closer works with; all but Summed must be set.
type Parts struct {
	Store   *store.Store
	Wire    *tripwire.Wire
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
	case parts.Store == nil || parts.Wire == nil || parts.Ready == nil || parts.Publish == nil || parts.Log == nil || parts.Now == nil:
		return nil, fault.New(fault.Invalid, "closings can't be made without their parts")
	}
	c := &Closer{Parts: parts, slots: make(chan struct{}, maxRunning), waiting: make(chan struct{}, maxWaiting), of: make(map[string]int)}
	c.running, c.stop = context.WithCancel(context.Background())
	c.open, c.shut = context.WithCancel(context.Background())
	return c, nil
}

// Close refuses what comes later and what waits for its turn, and waits for what runs: after stopWithin that is ended, and stores nothing any
// more. It may be called again.
func (c *Closer) Close() {
	c.mu.Lock()
	c.shut()
	c.mu.Unlock()
	timer := time.AfterFunc(stopWithin, c.stop)
	c.all.Wait()
	timer.Stop()
	c.stop()
}

func (c *Closer) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open.Err() != nil {
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
		c.Log.Warn("a till could not be closed: in each try another closing was first, a series began, or the last record was not in the database",
			"terminal", of.ID, "tries", maxTries)
		return nil, false, errOvertook
	case kind == fault.Transient || kind == fault.Conflict:
		c.Log.Warn("a till could not be closed", "terminal", of.ID, "error", err)
		return nil, false, errAway
	}
	return nil, false, err
}

func (c *Closer) make(ctx context.Context, of store.Terminal, key uuid.UUID, trace event.Trace) (body []byte, replayed bool, err error) {
	under := store.KeyOf{TerminalID: of.ID, Key: key}
	stored := func() ([]byte, error) { return c.Store.ClosingUnder(ctx, under) }
	if body, err = ask(ctx, stored); body != nil || err != nil { // what is stored waits for nobody
		return body, true, err
	}
	if !c.claim(of.ID) {
		return nil, false, errBusyTill
	}
	defer c.release(of.ID)
	if err := c.turn(ctx); err != nil {
		return nil, false, err
	}
	defer func() { <-c.slots }()
	for range maxTries {
		if body, err = ask(ctx, stored); body != nil || err != nil { // by one that had its turn before, or was first
			return body, true, err
		}
		if body, err = c.try(ctx, of, under, trace); err == nil || !errors.Is(err, errFirst) {
			return body, false, err
		}
	}
	return nil, false, err
}

// claim takes one of the places that a terminal has.
func (c *Closer) claim(terminalID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[terminalID] == maxOfTerminal {
		return false
	}
	c.of[terminalID]++
	return true
}

func (c *Closer) release(terminalID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[terminalID]--; c.of[terminalID] == 0 {
		delete(c.of, terminalID)
	}
}

// turn waits for a slot, which the caller gives back. Slots are given in the order in which closings came.
func (c *Closer) turn(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.waiting <- struct{}{}:
		defer func() { <-c.waiting }()
	default:
		return errBusy
	}
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-c.open.Done():
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try closes what earlier series left open, each chain on its own, and then the present chain. An ended chain that was altered is left open, with an
// alarm. All are in the present chain's name: after a
// restore nobody knows which closings in the name of an ended chain were given out and lost.
func (c *Closer) try(ctx context.Context, of store.Terminal, under store.KeyOf, trace event.Trace) ([]byte, error) {
	chains, err := ask(ctx, func() ([]store.Chain, error) { return c.Store.Chains(ctx, of.ID) })
	if err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, fault.New(fault.Fatal, "the head of terminal %s is missing", of.ID)
	}
	ended, present := chains[:len(chains)-1], &chains[len(chains)-1]
	before := store.Before{TerminalID: of.ID}
	for i := range ended {
		chain := &ended[i]
		before.Chain = chain.Name()
		if chain.Records > chain.ClosedTo {
			in := next(of.StoreID, present, chain)
			own := store.KeyOf{TerminalID: of.ID, Key: keyOf(before.Chain, in.From)}
			switch _, closedAtUS, err := c.one(ctx, in, before, own, trace); {
			case fault.Is(err, fault.Fatal): // its series began so that the till could go on
				c.Wire.Alarm.Raise(intact.Chain, "terminal_id", before.Chain, "error", err)
			case err != nil:
				return nil, err
			default:
				present.Closings, present.NamedAtUS = present.Closings+1, closedAtUS
			}
		}
		before.Ended = append(before.Ended, before.Chain)
	}
	before.Chain = present.Name()
	body, _, err := c.one(ctx, next(of.StoreID, present, present), before, under, trace)
	return body, err
}

// next is what the next closing in the present chain's name covers of a chain: all that was committed since the closing before.
func next(storeID string, present, of *store.Chain) closing.Range {
	in := closing.Range{
		StoreID: storeID, TerminalID: present.Name(), Number: uint64(present.Closings) + 1, From: uint64(of.ClosedTo) + 1, To: uint64(of.Records),
		HeadHash: of.Hash, BeforeUS: of.ClosedAtUS, NamedAtUS: present.NamedAtUS,
	}
	if of.Series != present.Series {
		in.RecordsOf = of.Name()
	}
	return in
}

// keyOf is the key of a closing that no till asked for: the same one whoever makes it, a UUID v8 (RFC 9562, 5.8), as no till may send one.
func keyOf(chain string, from uint64) uuid.UUID {
	hash := sale.Keccak(fmt.Appendf(nil, "closing of %s from %d", chain, from))
	key := uuid.UUID(hash[:16])
	key[6] = key[6]&0x0f | 0x80
	key[8] = key[8]&0x3f | 0x80
	return key
}

// one makes and stores a closing. The records before its end are those of before, up to the range's last.
func (c *Closer) one(
	ctx context.Context, in closing.Range, before store.Before, under store.KeyOf, trace event.Trace,
) (body []byte, closedAtUS int64, err error) {
	before.Number = in.To
	sums, err := c.sum(ctx, in, before)
	if err != nil {
		return nil, 0, err
	}
	closed, closedAtUS, err := sums.Closing(c.Now().UnixMicro())
	if err != nil {
		return nil, 0, err
	}
	if c.Summed != nil {
		c.Summed(closed.Name())
	}
	closed.Promise = c.Sign(&closed, closing.Hash(closed))
	body, err = json.Marshal(closed) // as its event has it
	if err != nil {
		return nil, 0, fault.New(fault.Fatal, "encode closing %s: %w", closed.Name(), err)
	}
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	added, err := c.Store.AddClosing(ctx, &store.Closing{
		Chain: in.TerminalID, Number: in.Number, RecordsOf: in.RecordsOf, StoreID: in.StoreID, Under: under, From: in.From, To: in.To,
		HeadHash: in.HeadHash, ClosedAtUS: closedAtUS, Body: body,
	})
	switch {
	case errors.Is(err, store.ErrAway), errors.Is(err, store.ErrReplaced):
		return nil, 0, err
	case fault.Is(err, fault.Transient):
		c.Log.Warn("it is not known whether a closing was stored", "closing", closed.Name(), "error", err)
		return nil, 0, errUnknown
	case fault.Is(err, fault.Conflict), err == nil && !added:
		return nil, 0, errFirst
	case err != nil:
		return nil, 0, err
	}
	c.Publish(closed, trace)
	return body, closedAtUS, nil
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
