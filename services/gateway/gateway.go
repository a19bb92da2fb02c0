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
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/services/gateway/internal/api"
	"github.com/tillseal/tillseal/services/gateway/internal/closer"
	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/operate"
	"github.com/tillseal/tillseal/services/gateway/internal/publish"
	"github.com/tillseal/tillseal/services/gateway/internal/replay"
	"github.com/tillseal/tillseal/services/gateway/internal/sign"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/terminal"
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
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
	PromiseKeyFile string        `env:"PROMISE_KEY_FILE,required,notEmpty" doc:"path of the Ed25519 key that signs promises, PKCS#8 PEM as openssl genpkey -algorithm ed25519 writes it, readable to this service's user alone; gateways may share one or have one each"`
	PromiseIssuer  string        `env:"PROMISE_ISSUER,required,notEmpty" doc:"who promises: the iss of each promise, such as https://shop.example, where /.well-known/jwks.json is served"`
	PromiseWithin  time.Duration `env:"PROMISE_WITHIN" envDefault:"24h" doc:"how long after a record its batch stands in a block at the latest, as each promise says"`
	PublicContract string        `env:"PUBLIC_CONTRACT" doc:"the contract that the shop has published, as each promise then says: eip155:, the chain's id, : and the address, such as eip155:1:0x…; empty for none"`
	ReceiptShop    string        `env:"RECEIPT_SHOP_FILE" doc:"path of a JSON file with what receipts' pages say about the shop: name, address, phone, tax_id, website, time_zone, by store in stores; contract_name; show_customer, show_balance; empty for none"`
	PublicRPC      config.Secret `env:"PUBLIC_RPC_URL" doc:"a node's JSON-RPC URL for receipts' pages, which each shopper's browser gets to see and asks; empty for none: a shopper then names one; of verify where neither -rpc nor WEB3_PROVIDER is given"`
	Explorer       string        `env:"EXPLORER_URL" doc:"the chain's explorer that receipts' pages link to, such as https://etherscan.io; empty for none"`
	TerminalRate   int           `env:"TERMINAL_RATE_PER_SECOND" envDefault:"1000" doc:"requests a second that one terminal may send, each record of a batch counting as one; bursts of twice as many are allowed"`

	// Closing, when set, is called with the name of each closing once it is added up, before it is signed and stored.
	Closing func(name string) `env:"-"`
	// Listener, when set, is what tills are served on, in place of a listener at GATEWAY_ADDR. A Run that comes so far closes it.
	Listener net.Listener `env:"-"`
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
	_, rulesErr := c.rules()
	_, signerErr := c.signer()
	_, receiptsErr := c.receipts()
	return errors.Join(append(errs, rulesErr, signerErr, receiptsErr)...)
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

// signer loads the key that signs promises. It joins an error for each variable that is wrong.
func (c Config) signer() (*sign.Signer, error) {
	var errs []error
	wrong := func(variable string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %w", variable, err))
		}
	}
	key, err := promise.LoadKey(c.PromiseKeyFile)
	wrong("PROMISE_KEY_FILE:", err)
	wrong("PROMISE_ISSUER", sign.CheckIssuer(c.PromiseIssuer))
	if err := promise.CheckWithin("PROMISE_WITHIN", c.PromiseWithin); err != nil {
		errs = append(errs, err)
	}
	chainID, contract, err := sign.ParseContract(c.PublicContract)
	wrong("PUBLIC_CONTRACT", err)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return sign.New(key, sign.Terms{Issuer: c.PromiseIssuer, Within: c.PromiseWithin, ChainID: chainID, Contract: contract}), nil
}

func (c Config) listen(ctx context.Context) (net.Listener, error) {
	if c.Listener != nil {
		return c.Listener, nil
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot listen on GATEWAY_ADDR: %w", err)
	}
	return listener, nil
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
	signer, err := cfg.signer()
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
	publisher := publish.New(context.WithoutCancel(ctx), bus, tel.Log, m.dropped.Inc)
	defer publisher.Close()
	wire := &tripwire.Wire{Keyring: intact.NewKeyring(db.Keys), Alarm: intact.NewAlarm(tel.Log, tel.Metrics, tripwire.Kinds...)}
	shop := &shop{store: db, wire: wire, rules: rules, signer: signer, publisher: publisher, log: tel.Log, stop: stop}
	prepared, err := shop.prepare(ctx) // also learns which database this is, now or later
	if err != nil {
		return err
	}
	defer func() { stop(nil); <-prepared }()
	cache, err := replay.Open(cfg.RedisURL, db.Identity, tel.Log)
	if err != nil {
		return err
	}
	defer cache.Close()
	m.breakerOpen.whether(cache.Open)
	listener, err := cfg.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	err = serve(ctx, cfg, shop, tel, m, cache, bus, listener)
	if cause := context.Cause(ctx); fault.Is(cause, fault.Invalid) {
		return cause
	}
	return err
}

// serve runs with everything open. Parts end in the order of a sale's way: tills, commits, publishing.
func serve(ctx context.Context, cfg Config, shop *shop, tel *telemetry.Telemetry, m *metrics, cache *replay.Cache, bus *stream.Bus,
	listener net.Listener,
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

	committer := commit.New(context.WithoutCancel(ctx), shop.grouper(shop.store, shop.ready.Load), cache, shop.publish, commit.Metrics{Group: m.group}, tel.Log)
	defer committer.Close()
	m.waiting.from(committer.Waiting)
	m.queue.from(shop.publisher.Waiting)

	closings := publish.NewClosings(context.WithoutCancel(ctx), bus, tel.Log)
	defer closings.Close()
	tills, err := closer.New(closer.Parts{
		Store: shop.store, Wire: shop.wire, Ready: shop.ready.Load, Sign: shop.signer.Closing, Summed: cfg.Closing, Publish: closings.Publish, Log: tel.Log,
		Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer tills.Close()
	defer context.AfterFunc(ctx, tills.Close)() // while tills are still answered

	terminals := terminal.New(shop.store, cfg.TerminalRate)
	stopAnswering := answerOperators(ctx, bus, tel.Log, operate.New(shop.store, committer.Record).Endpoints())
	defer stopAnswering()
	proxies, err := cfg.proxies()
	if err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	receipts, err := cfg.receipts()
	if err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	server := &api.Server{
		Terminals: terminals, Committer: committer, Closer: tills, Store: shop.store, Wire: shop.wire, Prepared: shop.ready.Load, Rules: shop.rules, Bus: bus,
		Receipts: receipts, Origins: cfg.AllowedOrigins, Proxies: proxies, Limits: cfg.Limits, Log: tel.Log, Count: m.request, CountItem: m.item, CountEnd: m.end,
	}
	m.connections.from(server.Connections)
	tel.Log.Info("serving tills", "addr", listener.Addr().String(), "loyalty_rules", shop.rules.Version)
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
