package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

// Config is the part of each service's settings that this package reads.
type Config struct {
	URL                config.Secret `env:"NATS_URL,required,notEmpty" doc:"NATS servers, comma-separated, such as nats://127.0.0.1:4222"`
	NKeyFile           string        `env:"NATS_NKEY_FILE" doc:"file with the nkey seed to log in to NATS with, mode 0600; empty for none"`
	PeakSalesPerSecond int           `env:"PEAK_SALES_PER_SECOND" envDefault:"100" doc:"the most sales a second to plan for: sizes the streams, checks ANCHOR_BATCH_MAX"`
	// Replicas 0, of a Config made in code, is 1.
	Replicas int `env:"NATS_REPLICAS" envDefault:"1" doc:"servers that keep a copy of each stream: 1, or 3 in a cluster of at least three"`
}

const maxPeak = 100_000 // far beyond one Postgres

// Check names each variable that is wrong.
func (c Config) Check() error {
	// nats.go would accept a bare host too, and so any text that is not a URL.
	errs := []error{config.CheckURLs("NATS_URL", c.URL, "nats://127.0.0.1:4222", "nats", "tls", "ws", "wss")}
	if c.PeakSalesPerSecond < 1 || c.PeakSalesPerSecond > maxPeak {
		errs = append(errs, fmt.Errorf("PEAK_SALES_PER_SECOND must be between 1 and %d", maxPeak))
	}
	if c.Replicas != 0 && c.Replicas != 1 && c.Replicas != 3 {
		errs = append(errs, errors.New("NATS_REPLICAS must be 1 or 3"))
	}
	return errors.Join(errs...)
}

// Bus is a service's connection to NATS, and a prometheus.Collector of its streams and consumers. It is safe for concurrent use.
type Bus struct {
	Conn *nats.Conn
	JS   jetstream.JetStream

	service string
	log     *slog.Logger
	peak    int // sales a second

	replicas   int
	identified bool // logs in as somebody, with the rights of nats.conf

	mu     sync.Mutex
	health map[string]*health // by durable

	lookout lookout
}

const (
	reconnectWait = 500 * time.Millisecond
	maxPublishing = 4096 // messages without acknowledgement at once; PublishAll waits below it, so nothing stalls
	ensureRetry   = time.Second
	attemptLimit  = 5 * time.Second // for one try at creating streams or a consumer: an answer lost with a connection never comes
	drainTimeout  = 5 * time.Second
	pingInterval  = 2 * time.Second // a server that hangs without closing the connection is left after maxPings+1 of them
	maxPings      = 2
)

// Connect opens the connection and returns at once: it waits for an unavailable NATS in the background, and calls fail as Transient until
// then. A wrong setting is Invalid.
func Connect(service string, cfg Config, log *slog.Logger) (*Bus, error) {
	if err := cfg.Check(); err != nil {
		return nil, fault.WithKind(fault.Invalid, err)
	}
	logins := newLogins(log, cfg.NKeyFile != "")
	options := []nats.Option{
		nats.ReconnectErrHandler(logins.failed),
		nats.Name("tillseal " + service), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.DrainTimeout(drainTimeout), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(maxPings),
		nats.IgnoreAuthErrorAbort(), // or a login that is refused twice, while the server's users are being changed, ends the connection for good
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) {
			switch {
			case refusedLogin(err):
				logins.refused(conn, err)
			case err != nil:
				log.Warn("NATS is unavailable", "error", err)
			}
		}),
		nats.ConnectHandler(func(*nats.Conn) { log.Info("connected to NATS") }),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("NATS is available again") }),
		nats.ErrorHandler(func(conn *nats.Conn, _ *nats.Subscription, err error) {
			switch {
			case errors.Is(err, nats.ErrPermissionViolation):
				log.Error("ALARM: NATS refused something that this identity has no right to do; see infra/nats/nats.conf", "error", err)
			case refusedLogin(err):
				logins.refused(conn, err)
			default:
				log.Warn("NATS reports", "error", err)
			}
		}),
		nats.CustomInboxPrefix(nats.InboxPrefix + service), // this identity may not subscribe to answers for others
	}
	if cfg.NKeyFile != "" {
		option, err := login(cfg.NKeyFile)
		if err != nil {
			return nil, err
		}
		options = append(options, option)
	}
	conn, err := nats.Connect(cfg.URL.Reveal(), options...)
	if err != nil {
		return nil, fault.New(fault.Invalid, "NATS_URL can't be used") // being unreachable is not an error here; the cause may hold a password
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(maxPublishing))
	if err != nil {
		conn.Close()
		return nil, fault.New(fault.Fatal, "open JetStream: %w", err)
	}
	b := &Bus{
		Conn: conn, JS: js, service: service, log: log, peak: cfg.PeakSalesPerSecond, replicas: max(cfg.Replicas, 1), identified: cfg.NKeyFile != "",
		health: make(map[string]*health), lookout: lookout{alarmed: make(map[string]*rate.Sometimes)},
	}
	for _, s := range specs {
		for _, d := range s.durables {
			if d.service == service {
				b.healthOf(d.name) // counters exist, at 0, before anything is consumed
			}
		}
	}
	return b, nil
}

// login makes an identity from the seed in a file that only its owner can read. Errors are Invalid and never quote the file.
func login(path string) (nats.Option, error) {
	if err := config.CheckSecretFile("NATS_NKEY_FILE", path); err != nil {
		return nil, err
	}
	option, err := nats.NkeyOptionFromSeed(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "NATS_NKEY_FILE does not hold a user's nkey seed, or this process cannot read it") // the cause may quote it
	}
	return option, nil
}

// Bucket opens a key-value bucket, trying until it exists or ctx ends: then the error is ctx's.
func (b *Bus) Bucket(ctx context.Context, name string) (bucket jetstream.KeyValue, err error) {
	err = b.retry(ctx, "open bucket "+name, func(ctx context.Context) (err error) {
		if b.makes() {
			if err := b.ensureStream(ctx, ofBucket(name)); err != nil {
				return err
			}
		}
		bucket, err = b.JS.KeyValue(ctx, name)
		return err
	})
	return bucket, err
}

// retry runs do until it succeeds, ctx ends (its error) or do's error is Invalid, with a pause of about ensureRetry and one log line
// each time.
func (b *Bus) retry(ctx context.Context, what string, do func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptLimit)
		err := do(attempt)
		cancel()
		switch {
		case err == nil, fault.Is(err, fault.Invalid):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		b.log.Warn("waiting for JetStream", "to", what, "error", err)
		if !wait.Pause(ctx, wait.Jitter(ensureRetry)) {
			return ctx.Err()
		}
	}
}

// Close flushes what is buffered and disconnects. Consumers must have ended before.
func (b *Bus) Close() {
	if b.Conn.IsConnected() {
		if err := b.Conn.FlushTimeout(drainTimeout); err != nil {
			b.log.Warn("some acknowledgements may not have reached NATS; their messages will be delivered again", "error", err)
		}
	}
	b.Conn.Close()
}
