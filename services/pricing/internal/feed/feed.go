// Package feed asks public sources what an ETH costs, while no sale waits for it, and puts the prices that are believed on the board.
package feed

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Source is one source: its base URL, and the key to send to it.
type Source struct {
	Name string        // one of Names
	Base config.Secret // http or https; a mirror's may hold a password
	Key  config.Secret // "" for none
}

// Names are the known sources.
func Names() []string { return slices.Sorted(maps.Keys(formats)) }

// Shown is a source's name as an error may show it, or otherwise for what can't be a name: it may be a piece of a URL with a password in it.
func Shown(name, otherwise string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }) ||
		name == "" || len(name) > maxNameBytes {
		return otherwise
	}
	return strconv.Quote(name)
}

const maxNameBytes = 32 // as long as any id of this project

// Check returns what is wrong with a source, without its URL or key.
func (s Source) Check() error {
	if formats[s.Name] == nil {
		return fault.New(fault.Invalid, "%s is not one of %s", Shown(s.Name, "a source"), strings.Join(Names(), ", "))
	}
	u, err := url.Parse(s.Base.Reveal())
	if err != nil || u.Hostname() == "" || !validPort(u.Port()) || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return fault.New(fault.Invalid, "the base URL of %s must look like https://api.example.com", s.Name)
	}
	if s.Key != "" && !takesKey[s.Name] {
		return fault.New(fault.Invalid, "%s takes no key", s.Name)
	}
	return nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// State is what is known of a source. It never changes.
type State struct {
	Name        string
	Breaker     string
	Values      map[string]quote.Observation // the last of each currency
	SucceededAt time.Time                    // zero: never
	LastError   string                       // at most maxErrorBytes; stays after a success, with its time
	FailedAt    time.Time                    // zero: never
	PausedUntil time.Time                    // zero: the source did not ask to wait
}

// Failing reports whether the last poll failed.
func (s State) Failing() bool { return s.FailedAt.After(s.SucceededAt) }

// feed is one source with what protects it from us, and us from it. poll has one caller at a time; State has any.
type feed struct {
	name    string
	base    *url.URL
	key     config.Secret
	format  format
	client  *http.Client
	breaker *gobreaker.CircuitBreaker[[]quote.Observation]
	rest    atomic.Int32 // polls that a tripped breaker will still skip
	limiter *rate.Limiter
	now     func() time.Time
	state   atomic.Pointer[State]
}

// The breaker: it counts polls, not time, since a source is asked by polls alone.
const (
	tripAfter = 3               // failures in a row that open it
	restPolls = 4               // polls that then skip the source, while others give a live price without it
	probeAt   = time.Nanosecond // the library's own pause, by its own clock: none, since restPolls replaces it
)

// newFeed makes the feed of a checked source. It is asked at most twice in pollEvery, however many refreshes are requested.
func newFeed(s Source, client *http.Client, pollEvery time.Duration, now func() time.Time) (*feed, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	base, err := url.Parse(s.Base.Reveal())
	if err != nil {
		return nil, fault.New(fault.Invalid, "the base URL of %s can't be read", s.Name)
	}
	f := &feed{
		name: s.Name, base: base, key: s.Key, format: formats[s.Name], client: client, now: now,
		limiter: rate.NewLimiter(rate.Every(pollEvery/2), 1),
		breaker: gobreaker.NewCircuitBreaker[[]quote.Observation](gobreaker.Settings{
			Name: s.Name, Timeout: probeAt,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
			IsExcluded: func(err error) bool { // a source that asks to wait works, and a stop proves nothing about it
				_, paused := errors.AsType[*pausedError](err)
				return paused || errors.Is(err, context.Canceled)
			},
		}),
	}
	f.state.Store(&State{Name: s.Name, Values: map[string]quote.Observation{}})
	return f, nil
}

// State is what is known now. Its breaker is closed, open while polls skip the source, or half-open when the next poll asks it.
func (f *feed) State() State {
	s := *f.state.Load()
	switch {
	case !f.tripped():
		s.Breaker = "closed"
	case f.rest.Load() > 0:
		s.Breaker = "open"
	default:
		s.Breaker = "half-open"
	}
	return s
}

func (f *feed) tripped() bool { return f.breaker.State() != gobreaker.StateClosed }

// poll asks the source once, if it may be asked. spare means that prices are live without it: then one that failed too often is skipped.
func (f *feed) poll(ctx context.Context, currencies []money.Currency, spare bool) {
	now := f.now()
	if now.Before(f.state.Load().PausedUntil) || !f.limiter.AllowN(now, 1) {
		return
	}
	if left := f.rest.Load(); spare && f.tripped() && left > 0 {
		f.rest.Store(left - 1)
		return
	}
	var partly error // prices that were refused among others that were not
	got, err := f.breaker.Execute(func() ([]quote.Observation, error) {
		got, err := f.fetch(ctx, currencies)
		if len(got) == 0 {
			return nil, err
		}
		partly = err
		return got, nil
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) || ctx.Err() != nil {
		return // it was not asked, or we stop
	}
	if f.rest.Store(0); f.tripped() {
		f.rest.Store(restPolls)
	}
	f.note(got, errors.Join(err, partly))
}

func (f *feed) fetch(ctx context.Context, currencies []money.Currency) ([]quote.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	u, header := f.format.request(f.base, currencies, f.key.Reveal())
	body, err := get(ctx, f.client, u, header, f.format.maxBody(), f.now)
	if err != nil {
		return nil, err
	}
	return f.format.read(f.name, body, currencies, f.now())
}

// note keeps the outcome of a poll.
func (f *feed) note(got []quote.Observation, err error) {
	next := *f.state.Load()
	next.Values = maps.Clone(next.Values)
	for _, o := range got {
		next.Values[o.Currency] = o.After(next.Values[o.Currency])
	}
	now := f.now()
	if len(got) > 0 {
		next.SucceededAt, next.PausedUntil = now, time.Time{}
	}
	if err != nil {
		next.LastError, next.FailedAt = brief(err), now
		if paused, ok := errors.AsType[*pausedError](err); ok {
			next.PausedUntil = paused.until
		}
	}
	f.state.Store(&next)
}

// maxErrorBytes bounds how much of an error is kept and shown: net/http's may quote what the source sent.
const maxErrorBytes = 300

func brief(err error) string {
	text := strings.ToValidUTF8(err.Error(), "?")
	if len(text) <= maxErrorBytes {
		return text
	}
	const cut = " …"
	return strings.ToValidUTF8(text[:maxErrorBytes-len(cut)], "") + cut
}
