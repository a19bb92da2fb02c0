package gateway

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/publish"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/sign"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/wait"
)

// preparePause is how often preparing is tried while Postgres is unavailable at the start.
const preparePause = 100 * time.Millisecond

// shop is what records sales. No sale is recorded before it is ready.
type shop struct {
	store     *store.Store
	wire      *tripwire.Wire
	rules     *loyalty.Rules
	signer    *sign.Signer
	publisher *publish.Publisher
	log       *slog.Logger
	stop      context.CancelCauseFunc
	ready     atomic.Bool
}

func (s *shop) grouper(into *store.Store, ready func() bool) *commit.Grouper {
	return &commit.Grouper{Store: into, Rules: s.rules, Ready: ready, Log: s.log, Now: time.Now, Mint: mint, Sign: s.signer.Sales, Wire: s.wire}
}

// prepare checks the loyalty rules and records the key that signs promises, and does so again in each database that replaces this one: a
// restored one may have neither. While Postgres is unavailable it goes on trying, and calls stop with the fault if that can't succeed. The
// channel is closed once ctx has ended, or the shop was stopped.
func (s *shop) prepare(ctx context.Context) (<-chan struct{}, error) {
	done := make(chan struct{})
	err := s.prepareOnce(ctx)
	if fault.Is(err, fault.Invalid) {
		close(done)
		return done, err
	}
	if err != nil {
		s.log.Warn("no sale is recorded until the loyalty rules have been checked and the promises' key is recorded", "error", err)
	}
	go func() {
		defer close(done)
		s.stayPrepared(ctx, err == nil)
	}()
	return done, nil
}

func (s *shop) stayPrepared(ctx context.Context, prepared bool) {
	for {
		if prepared {
			select {
			case <-s.store.Replaced():
				s.ready.Store(false)
				s.log.Warn("another database answers: no sale is recorded in it until the loyalty rules have been checked and the promises' key is recorded")
			case <-ctx.Done():
				return
			}
		} else if !wait.Pause(ctx, preparePause) {
			return
		}
		err := s.prepareOnce(ctx)
		if fault.Is(err, fault.Invalid) {
			s.stop(err)
			return
		}
		prepared = err == nil
	}
}

func (s *shop) prepareOnce(ctx context.Context) error {
	select {
	case <-s.store.Replaced(): // by the one that is prepared now
	default:
	}
	database, err := s.store.Present(ctx)
	if err != nil {
		return err
	}
	into := s.store.Of(database)
	s.wire.Keyring.Forget() // of the database before
	if err := s.checkRules(ctx, into); err != nil {
		return err
	}
	if err := s.recordKey(ctx, into); err != nil {
		return err
	}
	s.store.OnlyTo(database)
	s.ready.Store(true)
	return nil
}

// checkRules refuses rules that differ from those that their version was first used with: entries name the version that they were earned
// under.
func (s *shop) checkRules(ctx context.Context, in *store.Store) error {
	same, err := in.RulesAreAsFirstUsed(ctx, s.rules.Version, s.rules.Hash, s.rules.Text)
	if err == nil && !same {
		return fault.New(fault.Invalid, "LOYALTY_RULES differ from what version %q was first used with: give changed rules a new version", s.rules.Version)
	}
	return err
}

// recordKey records the key that signs promises before it signs the first: a record like any other, unless a gateway has recorded it already.
// A key whose record or row was altered since is Invalid: nobody could check what it signs.
func (s *shop) recordKey(ctx context.Context, into *store.Store) error {
	item, err := s.signer.KeyRecord()
	if err != nil {
		return fault.New(fault.Invalid, "PROMISE_KEY_FILE: %w", err)
	}
	out := s.grouper(into, nil).Commit(ctx, []*commit.Item{item})[0]
	whole, broken, err := into.PromiseKeyKept(ctx, item.KID, string(item.Record.Raw), store.KeyOf{TerminalID: item.TerminalID, Key: item.Key})
	switch {
	case !broken && out.Refused != nil && out.Refused.Code == refusal.Altered:
		s.log.Error("ALARM: the shop's own records were altered, so that the key that signs promises can't be recorded", "kid", item.KID)
		return fault.New(fault.Invalid, "PROMISE_KEY_FILE: key %s can't be recorded, since the last record of terminal operator, or the key's own, was altered: "+
			`see "The key that signs promises" in infra/docs/OPERATIONS.md`, item.KID)
	case broken, out.Refused != nil && out.Refused.Code == refusal.KeyReused:
		s.log.Error("ALARM: the key that signs promises is not recorded as it was", "kid", item.KID)
		return fault.New(fault.Invalid, "PROMISE_KEY_FILE: the row of key %s in sales.promise_key, or the record that it names, was altered or removed: "+
			`see "The key that signs promises" in infra/docs/OPERATIONS.md`, item.KID)
	case out.Refused == nil:
	case out.Refused.RetryAfter > 0:
		return fault.New(fault.Transient, "record the promises' key: %w", out.Refused)
	default:
		return fault.New(fault.Invalid, "PROMISE_KEY_FILE: the key could not be recorded: %w", out.Refused)
	}
	if err == nil && !whole {
		err = fault.New(fault.Transient, "the promises' key was recorded a moment ago and is not there")
	}
	if err != nil {
		return err
	}
	if out.Sale != nil {
		s.publish(*out.Sale, item, "")
	}
	s.log.Info("promises are signed", "kid", item.KID, "key_is_new", out.Sale != nil)
	return nil
}

func (s *shop) publish(row store.Sale, it *commit.Item, trace event.Trace) {
	s.publisher.Publish(publish.Sold{
		Sale: row.Facts, Hash: row.Hash, Points: event.Points{Earned: row.Earned, Redeemed: row.Redeemed}, Sent: it.Record.Sent, Request: len(it.Record.Raw),
		Trace: trace,
	})
}
