// Package gateway is the entry point of the gateway service: it records sales for tills over HTTP, each exactly once and with its loyalty
// effect, and publishes them.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/services/gateway/internal/api"
	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/loyalty"
	"github.com/tillseal/tillseal/services/gateway/internal/operate"
	"github.com/tillseal/tillseal/services/gateway/internal/publish"
	"github.com/tillseal/tillseal/services/gateway/internal/replay"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/terminal"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
	"github.com/tillseal/tillseal/shared/wait"
)

// Config is what the gateway reads from the environment.
type Config struct {
	Telemetry telemetry.Config
	Stream    stream.Config

	DBURL          config.Secret `env:"DB_URL,required,notEmpty" doc:"the service's own role in Postgres, such as postgres://gateway@127.0.0.1/tillseal"`
	RedisURL       config.Secret `env:"REDIS_URL,required,notEmpty" doc:"Redis, such as redis://127.0.0.1:6379/0; sales are recorded without it as well"`
	Addr           string        `env:"GATEWAY_ADDR" envDefault:"127.0.0.1:8080" doc:"where tills are served, host:port"`
	AllowedOrigins []string      `env:"ALLOWED_ORIGINS" envSeparator:"," doc:"origins that browsers may call from, comma-separated, such as https://till.example; * for all, empty for none"`
	LoyaltyRules   string        `env:"LOYALTY_RULES" doc:"path of a JSON file with the loyalty rules; empty for the built-in ones"`
	TrustedProxies []string      `env:"TRUSTED_PROXIES" envSeparator:"," doc:"addresses and networks of load balancers, comma-separated, such as 10.0.0.7,10.1.0.0/16: their connections are not counted by address; empty for none"`
	TerminalRate   int           `env:"TERMINAL_RATE_PER_SECOND" envDefault:"1000" doc:"requests a second that one terminal may send, each record of a batch counting as one; bursts of twice as many are allowed"`

	// Limits of connections; a zero field has its default.
	Limits api.Limits `env:"-"`
	// Listening, when set, is called once, before Ready, with the address that the gateway listens on: GATEWAY_ADDR may have port 0.
	Listening func(addr string) `env:"-"`
	// Ready, when set, is called once, when tills are served.
	Ready func() `env:"-"`
}

const maxTerminalRate = 1_000_000

// Check names each variable that is wrong.
func (c Config) Check() error {
	errs := []error{
		c.Telemetry.Check(), c.Stream.Check(), config.CheckPostgresURL("DB_URL", c.DBURL), replay.Check(c.RedisURL), config.CheckAddr("GATEWAY_ADDR", c.Addr),
	}
	for _, origin := range c.AllowedOrigins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin) {
			errs = append(errs, fmt.Errorf("ALLOWED_ORIGINS has %q, which is not an origin such as https://till.example; "+
				"separate entries by commas, without spaces", origin))
		}
	}
	_, err := c.proxies()
	errs = append(errs, err)
	if c.TerminalRate < 1 || c.TerminalRate > maxTerminalRate {
		errs = append(errs, fmt.Errorf("TERMINAL_RATE_PER_SECOND must be between 1 and %d", maxTerminalRate))
	}
	if _, err := c.rules(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// proxies reads TRUSTED_PROXIES. It joins an error for each entry that is wrong.
func (c Config) proxies() ([]netip.Prefix, error) {
	all := make([]netip.Prefix, 0, len(c.TrustedProxies))
	var errs []error
	for _, text := range c.TrustedProxies {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			all = append(all, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("TRUSTED_PROXIES has %q, which is neither an address such as 10.0.0.7 nor a network such as 10.1.0.0/16; "+
				"separate entries by commas, without spaces", text))
			continue
		}
		all = append(all, network)
	}
	return all, errors.Join(errs...)
}

func (c Config) rules() (*loyalty.Rules, error) {
	text := []byte(loyalty.Default)
	if c.LoyaltyRules != "" {
		var err error
		if text, err = os.ReadFile(c.LoyaltyRules); err != nil {
			return nil, fmt.Errorf("LOYALTY_RULES can't be read: %w", err)
		}
	}
	rules, err := loyalty.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("LOYALTY_RULES: %w", err)
	}
	return rules, nil
}

// Run serves tills until ctx ends, then drains: every accepted request is answered before it returns.
// A wrong Config is an Invalid fault that names the variable; a lost dependency is waited for, not fatal.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	rules, err := cfg.rules()
	if err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	tel, err := telemetry.Start(ctx, "gateway", cfg.Telemetry)
	if err != nil {
		return err
	}
	defer tel.Close()
	m := newMetrics(tel.Metrics)
	bus, err := stream.Connect("gateway", cfg.Stream, tel.Log)
	if err != nil {
		return err
	}
	defer bus.Close()
	tel.Metrics.MustRegister(bus) // the last metrics; what follows may wait for Postgres
	db, err := store.Open(context.WithoutCancel(ctx), cfg.DBURL)
	if err != nil {
		return err
	}
	defer db.Close()
	m.postgresAway.whether(db.Away)
	db.Changed = func(away bool) {
		if away {
			tel.Log.Error("Postgres is unavailable: records are refused until it answers")
			return
		}
		tel.Log.Info("Postgres answers again")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var hold atomic.Bool
	checked, err := checkRules(ctx, db, rules, &hold, stop, tel.Log) // also learns which database this is, now or later
	if err != nil {
		return err
	}
	defer func() { stop(nil); <-checked }()
	cache, err := replay.Open(cfg.RedisURL, db.Identity, tel.Log)
	if err != nil {
		return err
	}
	defer cache.Close()
	m.breakerOpen.whether(cache.Open)
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fault.New(fault.Invalid, "cannot listen on GATEWAY_ADDR: %w", err)
	}
	defer listener.Close()
	err = serve(ctx, cfg, rules, &hold, tel, m, db, cache, bus, listener)
	if cause := context.Cause(ctx); fault.Is(cause, fault.Invalid) {
		return cause
	}
	return err
}

// rulesPause is how often the loyalty rules are checked while Postgres is unavailable at the start.
const rulesPause = 100 * time.Millisecond

// checkRules refuses rules that differ from those that their version was first used with: entries name the version that they were earned
// under. While Postgres is unavailable it goes on checking, and calls stop with the fault if the rules turn out to differ; hold is set, and
// sales are recorded, only once the rules are known not to. The channel is closed when nothing is left to check.
func checkRules(
	ctx context.Context, db *store.Store, rules *loyalty.Rules, hold *atomic.Bool, stop context.CancelCauseFunc, log *slog.Logger,
) (<-chan struct{}, error) {
	check := func() error {
		same, err := db.RulesAreAsFirstUsed(ctx, rules.Version, rules.Hash)
		if err == nil && !same {
			return fault.New(fault.Invalid, "LOYALTY_RULES differ from what version %q was first used with: give changed rules a new version", rules.Version)
		}
		hold.Store(err == nil)
		return err
	}
	done := make(chan struct{})
	err := check()
	if err == nil || fault.Is(err, fault.Invalid) {
		close(done)
		return done, err
	}
	log.Warn("no sale is recorded until the loyalty rules have been checked against Postgres", "error", err)
	go func() {
		defer close(done)
		for wait.Pause(ctx, rulesPause) {
			switch err := check(); {
			case err == nil:
				return
			case fault.Is(err, fault.Invalid):
				stop(err)
				return
			}
		}
	}()
	return done, nil
}

// serve runs with everything open. Parts end in the order of a sale's way: tills, commits, publishing.
func serve(ctx context.Context, cfg Config, rules *loyalty.Rules, hold *atomic.Bool, tel *telemetry.Telemetry, m *metrics, db *store.Store, cache *replay.Cache,
	bus *stream.Bus, listener net.Listener,
) error {
	ensureCtx, stopEnsuring := context.WithCancel(ctx)
	ensured := make(chan struct{})
	go func() {
		defer close(ensured)
		if err := bus.Ensure(ensureCtx); fault.Is(err, fault.Invalid) { // tills don't wait for the streams, and publishing waits for them by itself
			tel.Log.Error("the streams could not be set up: sales are recorded, and wait to be published", "error", err)
		}
	}()
	defer func() { stopEnsuring(); <-ensured }()

	publisher := publish.New(context.WithoutCancel(ctx), bus, tel.Log, m.dropped.Inc)
	defer publisher.Close()
	grouper := &commit.Grouper{Store: db, Rules: rules, Ready: hold.Load, Log: tel.Log, Now: time.Now, Mint: mint}
	committer := commit.New(context.WithoutCancel(ctx), grouper, cache, func(row store.Sale, it *commit.Item, trace event.Trace) {
		publisher.Publish(publish.Sold{Sale: row.Facts, Hash: row.Hash, Lines: it.Record.Lines, Tenders: it.Record.Tenders, Trace: trace})
	}, commit.Metrics{Group: m.group}, tel.Log)
	defer committer.Close()
	m.waiting.from(committer.Waiting)
	m.queue.from(publisher.Waiting)

	terminals := terminal.New(db, cfg.TerminalRate)
	stopAnswering := answerOperators(ctx, bus, tel.Log, operate.New(db).Endpoints())
	defer stopAnswering()
	proxies, err := cfg.proxies()
	if err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	server := &api.Server{
		Terminals: terminals, Committer: committer, Store: db, Rules: rules, Bus: bus, Origins: cfg.AllowedOrigins, Proxies: proxies, Limits: cfg.Limits,
		Log: tel.Log, Count: m.request, CountItem: m.item, CountEnd: m.end,
	}
	m.connections.from(server.Connections)
	tel.Log.Info("serving tills", "addr", listener.Addr().String(), "loyalty_rules", rules.Version)
	if cfg.Listening != nil {
		cfg.Listening(listener.Addr().String())
	}
	if cfg.Ready != nil {
		cfg.Ready()
	}
	return server.Serve(ctx, listener)
}

// answerOperators offers endpoints, at once when NATS is connected and otherwise once it is: offering to an unavailable server blocks for
// seconds, and tills don't wait for NATS.
func answerOperators(ctx context.Context, bus *stream.Bus, log *slog.Logger, endpoints []stream.Endpoint) (stop func()) {
	stopOffer := func() {}
	offer := func() {
		stop, err := bus.Serve(context.WithoutCancel(ctx), "Records sales for tills", endpoints...)
		if err != nil {
			log.Error("the operators' endpoints could not be offered", "error", err)
			return
		}
		stopOffer = stop
	}
	if bus.Conn.IsConnected() {
		offer()
		return stopOffer
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	connected := bus.Conn.StatusChanged(nats.CONNECTED)
	go func() {
		defer close(done)
		defer bus.Conn.RemoveStatusListener(connected)
		select {
		case <-connected:
			offer()
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-done; stopOffer() }
}

// mint makes what is random in a record. Neither source of randomness fails (crypto/rand).
func mint() commit.Minted {
	const tokenBytes = 24
	var random [32 + tokenBytes]byte
	_, _ = rand.Read(random[:])
	return commit.Minted{
		SaleID: uuid.Must(uuid.NewV7()), Salt: [32]byte(random[:32]), ReceiptToken: base64.RawURLEncoding.EncodeToString(random[32:]),
	}
}
