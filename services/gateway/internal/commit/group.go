package commit

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/wait"
)

// Limits of one group.
const (
	// groupBudget is how long a group may try. Its tries outlast the store's idle timeout, so that a gateway that froze with the locks that
	// this one needs does not make it fail.
	groupBudget = time.Second
	// commitBudget is how long COMMIT may take, within which the server may have to flush a slow disk.
	commitBudget = time.Second
	// fateBudget is how long the outcome of an unanswered COMMIT is asked for.
	fateBudget = time.Second
	fatePause  = 20 * time.Millisecond
	// singlesBudget is how long a group that is committed record by record may take in all: with the group's own tries before it, its
	// tills are answered within answerWithin. Records whose turn does not come are sent again.
	singlesBudget = time.Second
	// maxTries is how often a group starts over because another gateway was first, or a connection broke.
	maxTries = 5
	// triesPause gives a Postgres that refuses connections, as it does while it starts, time to take them.
	triesPause = 20 * time.Millisecond
	// logEvery is how often failing groups are logged, which may be hundreds a second.
	logEvery = time.Second
	// retryAfter is how long a till should wait. Short: a lost dependency is back at once, or away for long anyway.
	retryAfter = time.Second
)

// Preparing is why a gateway records no sale yet.
const Preparing = "this gateway is still preparing: its loyalty rules are to be checked and its key for promises to be recorded first; send it again"

// Outcome is the outcome of one item.
type Outcome struct {
	Kept     *record.Kept // what is stored under the key now; nil: the key is free, or that is not known (COMMIT_UNKNOWN)
	Replayed bool
	Refused  *refusal.Error
	Sale     *store.Sale // newly committed
}

// Grouper commits groups, one transaction each.
type Grouper struct {
	Store *store.Store
	Rules *loyalty.Rules
	Ready func() bool // whether Rules have been checked and the key of Sign is recorded; nil: so it is
	Log   *slog.Logger
	Now   func() time.Time
	Mint  func() Minted
	Sign  func([]*store.Sale) []string // the promise of each record: deterministic, and safe for concurrent use

	Wire *tripwire.Wire // its keys include that of Sign once that is recorded

	failed, restarts seldom

	// Only the committer's goroutine uses these.
	memory memory
	again  bool // the group starts over
}

// Commit decides and commits items in their order, all in one transaction, and returns an outcome for each. It never fails as a whole: what
// can't be committed is refused.
func (g *Grouper) Commit(ctx context.Context, items []*Item) []Outcome {
	ctx, cancel := context.WithTimeout(ctx, groupBudget)
	defer cancel()
	out := make([]Outcome, len(items))
	todo := make([]int, len(items))
	for i := range todo {
		todo[i] = i
	}
	if g.Ready != nil && !g.Ready() {
		g.refuse(out, todo, refusal.Later(refusal.StoreUnavailable, retryAfter, Preparing))
		return out
	}
	var err error
	for n := range maxTries {
		g.again = n > 0
		if todo, err = g.try(ctx, items, todo, out); err == nil {
			return out
		}
		if !again(err) || !pause(ctx, err) {
			break
		}
		g.restarts.log(func(n int) { g.Log.Info("a group starts over", "items", len(todo), "times", n, "error", err) })
	}
	switch {
	case errors.Is(err, errUnknown):
		g.refuse(out, todo, refusal.Later(refusal.CommitUnknown, retryAfter,
			"it is not known yet whether the record was committed: send it again with the same Idempotency-Key"))
	case fault.Is(err, fault.Invalid) && len(todo) > 1:
		g.Log.Warn("committing a group record by record", "items", len(todo), "error", err)
		g.oneByOne(context.WithoutCancel(ctx), items, todo, out)
		return out
	case fault.Is(err, fault.Invalid):
		g.refuse(out, todo, refusal.New(refusal.InvalidRecord, "the database refuses the record's data"))
	default:
		g.refuse(out, todo, refusal.Later(refusal.StoreUnavailable, retryAfter, "the record could not be stored: send it again"))
	}
	g.failed.log(func(n int) {
		g.Log.Error("records were not committed", "items", len(todo), "times", n, "kind", fault.KindOf(err).String(), "error", err)
	})
	return out
}

// again reports whether a group that failed may start over.
func again(err error) bool {
	if errors.Is(err, errUnknown) || errors.Is(err, store.ErrAway) {
		return false
	}
	k := fault.KindOf(err)
	return k == fault.Conflict || k == fault.Transient
}

// pause lets a moment pass before the next try, unless another group was merely first; false when the group's time is up.
func pause(ctx context.Context, err error) bool {
	if fault.Is(err, fault.Conflict) {
		return ctx.Err() == nil
	}
	return wait.Pause(ctx, triesPause)
}

// seldom limits a line that every group could log to one each logEvery. Only the committer's goroutine uses it.
type seldom struct {
	limit   rate.Sometimes
	skipped int
}

// log calls write, at most once each logEvery, with how often log was called since the last time.
func (s *seldom) log(write func(times int)) {
	s.skipped++
	s.limit.Interval = logEvery
	s.limit.Do(func() {
		write(s.skipped)
		s.skipped = 0
	})
}

func (g *Grouper) refuse(out []Outcome, which []int, why *refusal.Error) {
	for _, i := range which {
		out[i] = Outcome{Refused: why}
	}
}

// oneByOne finds the item whose data Postgres refuses: it alone is refused for good.
func (g *Grouper) oneByOne(ctx context.Context, items []*Item, todo []int, out []Outcome) {
	ctx, cancel := context.WithTimeout(ctx, singlesBudget)
	defer cancel()
	for n, i := range todo {
		if ctx.Err() != nil {
			g.refuse(out, todo[n:], refusal.Later(refusal.StoreUnavailable, retryAfter, "the record could not be stored in time: send it again"))
			return
		}
		out[i] = g.Commit(ctx, items[i:i+1])[0]
	}
}

// errUnknown is in the error of a COMMIT whose outcome could not be found out.
var errUnknown = errors.New("the outcome is unknown")

// try runs todo through one transaction and returns what is still to do when it fails. Items that are refused and whose locks made rows that
// no other item uses are taken out first, so that a refused record leaves nothing behind.
func (g *Grouper) try(ctx context.Context, items []*Item, todo []int, out []Outcome) ([]int, error) {
	var later []int // what comes after todo: fewer each time, since todo's first item depends on none before it
	for len(todo) > 0 {
		rest, hanging, err := g.transaction(ctx, items, todo, out)
		if err != nil {
			return slices.Concat(todo, later), err
		}
		if todo, later = rest, slices.Concat(hanging, later); len(todo) == 0 {
			todo, later = later, nil
		}
	}
	return nil, nil
}

// transaction decides and commits todo and returns nothing, or returns what must run without the others: rest now, and hanging once the
// outcome of rest is known.
func (g *Grouper) transaction(ctx context.Context, items []*Item, todo []int, out []Outcome) (rest, hanging []int, err error) {
	tx, err := g.Store.Begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	s, err := g.read(ctx, tx, items, todo)
	if err != nil {
		return nil, nil, err
	}
	was := s.now()
	verdicts := make([]verdict, len(todo))
	for n, i := range todo {
		verdicts[n] = s.decide(items[i])
	}
	if rest, hanging = withoutUnused(todo, verdicts, out); len(rest) < len(todo) {
		return rest, hanging, nil
	}
	if len(s.sales) > 0 {
		changes := changesOf(s, was)
		if err := g.commit(ctx, tx, s, changes); err != nil {
			return nil, nil, err
		}
		g.memory.remember(changes)
	}
	for n, i := range todo {
		out[i] = verdicts[n].outcome()
	}
	return nil, nil, nil
}

func (v verdict) outcome() Outcome {
	return Outcome{Kept: v.kept, Replayed: v.replayed, Refused: v.refused, Sale: v.sale}
}

// withoutUnused sets the outcome of items that changed nothing although their locks made rows, and returns the others. No accepted record
// touched those rows, so these outcomes do not depend on the rest. The first one that does depend on the rest, by a key or a number, ends
// the rest: it is returned as hanging, with everything after it, which may depend on it in turn: a refund of it, or another record with its key.
func withoutUnused(todo []int, verdicts []verdict, out []Outcome) (rest, hanging []int) {
	rest = make([]int, 0, len(todo))
	for n, i := range todo {
		v := verdicts[n]
		unused := v.sale == nil && (v.account != nil && v.account.Fresh && v.account.Entries == 0 ||
			v.refund != nil && v.refund.Fresh && v.refund.RefundedMinor == 0)
		switch {
		case !unused:
			rest = append(rest, i)
		case v.hangs:
			return rest, todo[n:]
		default:
			out[i] = v.outcome()
		}
	}
	return rest, nil
}

// commit seals, writes and commits, and finds out what became of a COMMIT without an answer. A group that got this far is not cut off by its
// budget.
func (g *Grouper) commit(ctx context.Context, tx *store.Tx, s *state, c *store.Changes) error {
	ctx = context.WithoutCancel(ctx)
	if err := g.sealAndMove(ctx, tx, s, c); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, commitBudget)
	defer cancel()
	unknown, err := tx.Commit(limited, c)
	if !unknown {
		return err
	}
	ids := make([][16]byte, len(c.Sales))
	for i := range c.Sales {
		ids[i] = c.Sales[i].ID
	}
	g.Log.Warn("finding out what became of a COMMIT without an answer", "items", len(ids), "error", err)
	return g.fate(ctx, tx.XID(), ids)
}

func (g *Grouper) fate(ctx context.Context, xid string, ids [][16]byte) error {
	ctx, cancel := context.WithTimeout(ctx, fateBudget)
	defer cancel()
	for {
		fate, err := g.Store.Fate(ctx, xid, ids)
		switch fate {
		case store.Committed:
			return nil
		case store.Aborted:
			return fault.New(fault.Transient, "the connection was lost before COMMIT took effect")
		case store.Unclear:
		}
		if !wait.Pause(ctx, fatePause) {
			return fault.New(fault.Transient, "COMMIT: %w", errors.Join(errUnknown, err))
		}
	}
}
