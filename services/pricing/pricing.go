// Package pricing turns each SaleRecorded into a SalePriced: the exact amount in wei, and the rate with its sources. All its state comes from
// the sources or from the bucket RATES, so any number of replicas may work on one durable.
package pricing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/pricing/internal/feed"
	"github.com/tillseal/tillseal/services/pricing/internal/lastgood"
	"github.com/tillseal/tillseal/services/pricing/internal/operate"
	"github.com/tillseal/tillseal/services/pricing/internal/pricer"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
)

// Config is what pricing reads from the environment.
type Config struct {
	Telemetry telemetry.Config
	Stream    stream.Config

	// RateFeeds is the first tier; without it there is no cached tier either.
	RateFeeds        Feeds    `env:"RATE_FEEDS" doc:"public sources of prices with their base URLs, such as coingecko=https://api.coingecko.com,coindcx=https://api.coindcx.com,wazirx=https://api.wazirx.com; coingecko-pro for a key of its paid plan; empty for none"`
	RateFeedKeyFiles KeyFiles `env:"RATE_FEED_KEY_FILES" doc:"files with the API keys of sources, such as coingecko=/run/secrets/coingecko"`
	// RateCurrencies are asked for in one request; a source answers for those that it quotes.
	RateCurrencies Currencies    `env:"RATE_CURRENCIES" envDefault:"INR" doc:"currencies that sources are asked for, comma-separated"`
	RatePoll       time.Duration `env:"RATE_POLL" envDefault:"30s" doc:"how often the sources are asked"`
	RateFreshFor   time.Duration `env:"RATE_FRESH_FOR" envDefault:"5m" doc:"age up to which a source's price is live, at least twice RATE_POLL"`
	RateMaxAge     time.Duration `env:"RATE_MAX_AGE" envDefault:"6h" doc:"age up to which the last good price is used when none is live; after that RATE_STATIC is used"`
	// RateStatic is the last tier. While it is the only one it must not be empty: every sale would be parked.
	RateStatic Rates `env:"RATE_STATIC" doc:"fiat per ETH by currency, such as INR=254321.17,USD=3050.12: used when no better price is known, and what a single source must agree with within 25 %"`

	// Ready, when set, is called once, when sales are about to be priced and requests are answered.
	Ready func() `env:"-"`
	// Clock is the clock by which prices age; time.Now when nil.
	Clock func() time.Time `env:"-"`
}

// Limits of the durations: sources forbid to be asked more often, and prices older than a week mean nothing.
const (
	minRatePoll = time.Second
	maxRatePoll = 15 * time.Minute
	maxRateAge  = 7 * 24 * time.Hour
)

// Check names each variable that is wrong.
func (c Config) Check() error {
	errs := []error{c.Telemetry.Check(), c.Stream.Check()}
	if len(c.RateStatic) == 0 && len(c.RateFeeds) == 0 {
		errs = append(errs, errors.New("RATE_STATIC is not set and RATE_FEEDS names no source: every sale would be parked"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.RateFeedKeyFiles)) {
		if _, fed := c.RateFeeds[name]; !fed {
			errs = append(errs, fmt.Errorf("RATE_FEED_KEY_FILES names %s, which RATE_FEEDS does not", feed.Shown(name, "a source")))
		}
	}
	_, staticErr := c.RateStatic.table(time.Time{})
	_, feedsErr := c.RateFeeds.sources(c.RateFeedKeyFiles)
	return errors.Join(append(errs, c.checkFeeds(), staticErr, feedsErr)...)
}

// minFreshPolls is how many polls a price must stay live for: a poll may start a quarter late, and takes seconds.
const minFreshPolls = 2

// checkFeeds checks the durations without feeds too: an operator who set them expects them to be valid.
func (c Config) checkFeeds() error {
	var errs []error
	if len(c.RateFeeds) > 0 && len(c.RateCurrencies) == 0 {
		errs = append(errs, errors.New("RATE_CURRENCIES is empty"))
	}
	if c.RatePoll < minRatePoll || c.RatePoll > maxRatePoll {
		errs = append(errs, fmt.Errorf("RATE_POLL must be between %s and %s", minRatePoll, maxRatePoll))
	}
	switch {
	case c.RateFreshFor < minFreshPolls*minRatePoll:
		errs = append(errs, fmt.Errorf("RATE_FRESH_FOR must be at least %s", minFreshPolls*minRatePoll))
	case c.RateFreshFor < minFreshPolls*c.RatePoll:
		errs = append(errs, fmt.Errorf("RATE_FRESH_FOR must be at least %d times RATE_POLL: no price would be live until the next one", minFreshPolls))
	}
	switch {
	case c.RateMaxAge < minFreshPolls*minRatePoll || c.RateMaxAge > maxRateAge:
		errs = append(errs, fmt.Errorf("RATE_MAX_AGE must be between %s and %s", minFreshPolls*minRatePoll, maxRateAge))
	case c.RateMaxAge < c.RateFreshFor:
		errs = append(errs, errors.New("RATE_MAX_AGE must be at least RATE_FRESH_FOR"))
	}
	return errors.Join(errs...)
}

// asked are the codes of the currencies that sources are asked for; empty without sources.
func (c Config) asked() (codes []string) {
	for _, currency := range c.RateCurrencies {
		if len(c.RateFeeds) > 0 {
			codes = append(codes, currency.Code())
		}
	}
	return codes
}

// maxBatch bounds the sales that are priced and published together: enough to share the wait for acknowledgements, and few
// enough to be done long before they are delivered again.
const maxBatch = 1024

// Run prices sales until ctx ends; what was in progress then is delivered again, which is harmless. Its error is nil then, or ctx's when it was
// still waiting to start. A wrong Config is an Invalid fault that names the variable; it waits for an unavailable NATS, and does without an
// unavailable source.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	sources, err := cfg.RateFeeds.sources(cfg.RateFeedKeyFiles)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(ctx, "pricing", cfg.Telemetry)
	if err != nil {
		return err
	}
	defer tel.Close()
	board := quote.NewBoard()
	static, err := cfg.RateStatic.table(cfg.Clock())
	if err != nil {
		return err
	}
	board.Set(quote.Static, static)
	prices := pricer.New(board, cfg.Clock, tel.Metrics)
	desk := operate.New(board, sources, cfg.asked(), cfg.Clock)
	tel.Metrics.MustRegister(desk) // before it waits for anything

	bus, err := stream.Connect("pricing", cfg.Stream, tel.Log)
	if err != nil {
		return err
	}
	defer bus.Close()
	tel.Metrics.MustRegister(bus)
	if err := bus.Ensure(ctx); err != nil {
		return err
	}
	poller, err := startPoller(ctx, cfg, sources, board, bus, tel)
	if err != nil {
		return err
	}
	defer poller.Close()
	desk.Polling(poller)
	stop, err := bus.Serve(ctx, "Prices sales in wei", desk.Endpoints()...)
	if err != nil {
		return err
	}
	defer stop()
	if cfg.Ready != nil {
		cfg.Ready()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return bus.Consume(ctx, stream.DurablePricing, maxBatch, prices.Handler(bus)) })
	group.Go(func() error { poller.Run(ctx); return nil })
	return group.Wait()
}

// recreateLimit bounds a try at recreating the bucket; the next poll tries again.
const recreateLimit = time.Second

// startPoller makes the poller and lets it poll once, so that a restart does not begin at a worse tier than necessary.
func startPoller(ctx context.Context, cfg Config, sources []feed.Source, board *quote.Board, bus *stream.Bus, tel *telemetry.Telemetry) (*feed.Poller, error) {
	settings := feed.Settings{
		Sources: sources, PollEvery: cfg.RatePoll, Rule: quote.Rule{FreshFor: cfg.RateFreshFor, MaxAge: cfg.RateMaxAge}, Now: cfg.Clock,
	}
	if len(sources) == 0 {
		return feed.NewPoller(ctx, settings, board, lastgood.Store{}, tel.Log)
	}
	if names := cfg.RateFeeds.unprotected(); len(names) > 0 {
		tel.Log.Warn("sources are asked over plain http: anyone in between can change their prices", "sources", names)
	}
	settings.Currencies = cfg.RateCurrencies
	bucket, err := bus.Bucket(ctx, stream.BucketRates)
	if err != nil {
		return nil, err
	}
	poller, err := feed.NewPoller(ctx, settings, board, lastgood.Store{Bucket: bucket, MaxAge: cfg.RateMaxAge, Recreate: func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, recreateLimit)
		defer cancel()
		if _, err := bus.Bucket(ctx, stream.BucketRates); err != nil {
			return fault.New(fault.Transient, "bucket %s is gone and could not be recreated: %w", stream.BucketRates, err)
		}
		return nil
	}}, tel.Log)
	if err != nil {
		return nil, err
	}
	_ = poller.Refresh(ctx) // it fails only when ctx has ended, which Run notices
	return poller, nil
}
