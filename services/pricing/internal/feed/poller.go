package feed

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/tillseal/tillseal/services/pricing/internal/lastgood"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/wait"
)

// Settings are those of a Poller.
type Settings struct {
	Sources    []Source
	Currencies []money.Currency
	PollEvery  time.Duration // spread by a quarter either way
	Rule       quote.Rule
	Now        func() time.Time
}

// Poller asks all sources every PollEvery and puts the prices that are believed on the board: only it writes the tiers live and cached.
type Poller struct {
	cfg    Settings
	board  *quote.Board
	store  lastgood.Store
	log    *slog.Logger
	client *http.Client
	feeds  []*feed

	life   context.Context // of refreshes: whoever requests one may leave before it ends
	end    context.CancelFunc
	flight singleflight.Group
	active sync.Mutex // held by the refresh in progress, and by Close

	verdicts atomic.Pointer[map[string]quote.Verdict] // the last, by currency
	agreed   quote.Table                              // the last that two sources made; with active held
	failing  map[string]bool                          // what of the store was last logged as failing; with active held

	reporting sync.Mutex
	reported  map[string]standing // what was last logged of a currency; with reporting held
}

// refreshLimit bounds a refresh: one request to each source at once, and two reads from the bucket and two writes for each currency.
const refreshLimit = 2 * requestTimeout

// NewPoller makes a poller; a wrong source is Invalid. Close must be called.
func NewPoller(ctx context.Context, cfg Settings, board *quote.Board, store lastgood.Store, log *slog.Logger) (*Poller, error) {
	p := &Poller{cfg: cfg, board: board, store: store, log: log, client: newClient(), reported: map[string]standing{}, failing: map[string]bool{}}
	for _, s := range cfg.Sources {
		f, err := newFeed(s, p.client, cfg.PollEvery, cfg.Now)
		if err != nil {
			return nil, err
		}
		p.feeds = append(p.feeds, f)
	}
	p.verdicts.Store(&map[string]quote.Verdict{})
	p.life, p.end = context.WithCancel(ctx)
	return p, nil
}

// Run refreshes until ctx ends, if there is a source, and goes on logging how sales are priced.
func (p *Poller) Run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	loops.Go(func() { p.remind(ctx) })
	for len(p.feeds) > 0 && wait.Pause(ctx, wait.Jitter(p.cfg.PollEvery)) {
		_ = p.Refresh(ctx) // it fails only when ctx has ended
	}
}

// Refresh asks every source that may be asked and returns when the board shows the outcome, or when ctx ends. It joins a refresh that is in
// progress.
func (p *Poller) Refresh(ctx context.Context) error {
	done := p.flight.DoChan("", func() (any, error) { //nolint:contextcheck // it lives as long as the poller: whoever started it may leave
		p.refresh()
		return nil, nil //nolint:nilnil // the outcome is on the board
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the refresh in progress and waits for it.
func (p *Poller) Close() {
	p.end()
	p.active.Lock()
	defer p.active.Unlock()
	p.client.CloseIdleConnections()
}

func (p *Poller) refresh() {
	p.active.Lock()
	defer p.active.Unlock()
	ctx, cancel := context.WithTimeout(p.life, refreshLimit)
	defer cancel()
	now, spare := p.cfg.Now(), make([]bool, len(p.feeds))
	for i, f := range p.feeds {
		spare[i] = p.spares(f, now)
	}
	var asked sync.WaitGroup
	for i, f := range p.feeds {
		asked.Go(func() { f.poll(ctx, p.cfg.Currencies, spare[i]) })
	}
	p.recall(ctx)
	asked.Wait()
	if p.life.Err() == nil {
		p.decide(ctx)
	}
}

// spares reports whether every currency that a source quotes has a live price, and another source that answers.
func (p *Poller) spares(f *feed, now time.Time) bool {
	live := p.board.Tier(quote.Live)
	for _, c := range p.cfg.Currencies {
		if _, answered := f.state.Load().Values[c.Code()]; !answered && !f.format.quotes(c) {
			continue
		}
		if !live[c.Code()].Holds(now) || !slices.ContainsFunc(p.feeds, func(other *feed) bool {
			s := other.state.Load()
			_, answers := s.Values[c.Code()]
			return other != f && answers && !s.Failing()
		}) {
			return false
		}
	}
	return true
}

// recall reads what other replicas, or this service before its restart, found last. What is known here is kept when it is newer.
func (p *Poller) recall(ctx context.Context) {
	now := p.cfg.Now()
	kept, err := p.store.Load(ctx, p.cfg.Currencies, now)
	if ctx.Err() == nil {
		p.reportStore("read", err)
	}
	p.board.Set(quote.Cached, newest(p.board.Tier(quote.Cached), kept.Last, now))
	p.agreed = newest(p.agreed, kept.Agreed, now)
}

// newest has, of each currency, the newer quote that still holds.
func newest(known, other quote.Table, now time.Time) quote.Table {
	next := quote.Table{}
	for _, quotes := range []quote.Table{known, other} {
		for code, q := range quotes {
			if q.Holds(now) && q.Newer(next[code], now) {
				next[code] = q
			}
		}
	}
	return next
}

// decide makes the live and the cached tier from the sources' last answers.
func (p *Poller) decide(ctx context.Context) {
	now := p.cfg.Now()
	last, static := p.board.Tier(quote.Cached), p.board.Tier(quote.Static)
	live, cached, agreed, verdicts := quote.Table{}, quote.Table{}, quote.Table{}, map[string]quote.Verdict{}
	var found, foundAgreed []quote.Quote
	for _, c := range p.cfg.Currencies {
		code := c.Code()
		answered, sources := p.observations(c)
		v := p.cfg.Rule.Decide(answered, quote.Reference{Last: last[code], Agreed: p.agreed[code], Static: static[code], Sources: sources}, now)
		verdicts[code] = v
		if v.Reason != "" {
			continue
		}
		live[code] = v.Quote
		if v.Cached.Newer(last[code], now) {
			cached[code] = v.Cached
			found = append(found, v.Quote)
		}
		if !v.Alone && v.Agreed.Newer(p.agreed[code], now) {
			agreed[code] = v.Agreed
			foundAgreed = append(foundAgreed, v.Quote)
		}
	}
	p.board.Set(quote.Cached, newest(last, cached, now)) // first, so that no reader finds neither tier
	p.board.Set(quote.Live, live)
	p.agreed = newest(p.agreed, agreed, now)
	p.verdicts.Store(&verdicts)
	p.report()
	p.keep(ctx, found, foundAgreed)
}

func (p *Poller) keep(ctx context.Context, found, agreed []quote.Quote) {
	var errs []error
	for _, q := range found {
		errs = append(errs, p.store.Keep(ctx, q))
	}
	for _, q := range agreed {
		errs = append(errs, p.store.KeepAgreed(ctx, q))
	}
	if ctx.Err() == nil && len(errs) > 0 {
		p.reportStore("keep", errors.Join(errs...))
	}
}

// reportStore logs when something begins to fail, and when it works again; not at each poll.
func (p *Poller) reportStore(what string, err error) {
	switch failing := p.failing[what]; {
	case err != nil && !failing:
		p.log.Warn("the bucket of last good rates is unavailable", "to", what, "error", err)
	case err == nil && failing:
		p.log.Info("the bucket of last good rates is available again", "to", what)
	}
	p.failing[what] = err != nil
}

// observations are the sources' last answers about a currency, and how many of them quote it: those that are known to, or did since the start.
func (p *Poller) observations(c money.Currency) (all []quote.Observation, sources int) {
	for _, f := range p.feeds {
		o, has := f.state.Load().Values[c.Code()]
		if has {
			all = append(all, o)
		}
		if has || f.format.quotes(c) {
			sources++
		}
	}
	return all, sources
}

// Sources are the states of all sources, in the order of the settings.
func (p *Poller) Sources() []State {
	all := make([]State, len(p.feeds))
	for i, f := range p.feeds {
		all[i] = f.State()
	}
	return all
}

// Verdicts are the last refresh's, by currency. The caller must not change them.
func (p *Poller) Verdicts() map[string]quote.Verdict { return *p.verdicts.Load() }
