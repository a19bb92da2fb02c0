// Package engine runs the whole of Tillseal in one process tree on one machine: real servers under one directory, the four
// services through their Run. `make run` and the end-to-end tests use it alike.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tillseal/tillseal/shared/fault"
)

// Config is what the engine reads from the environment. Port 0 takes a free one.
type Config struct {
	Dir          string `env:"RUN_DIR" envDefault:".run" doc:"where all data, logs and passwords are kept"`
	GatewayAddr  string `env:"GATEWAY_ADDR" envDefault:"127.0.0.1:8080" doc:"where tills are served, host:port"`
	PostgresPort int    `env:"POSTGRES_PORT" envDefault:"15432" doc:"port of Postgres on 127.0.0.1"`
	RedisPort    int    `env:"REDIS_PORT" envDefault:"16379" doc:"port of Redis on 127.0.0.1"`
	NATSPort     int    `env:"NATS_PORT" envDefault:"14222" doc:"port of NATS on 127.0.0.1"`
	ChainPort    int    `env:"CHAIN_PORT" envDefault:"18545" doc:"port of the development chain's JSON-RPC on 127.0.0.1"`
	MetricsPort  int    `env:"METRICS_PORT" envDefault:"19090" doc:"port of the gateway's metrics on 127.0.0.1; pricing, anchor and ledger follow on the next three; 0 for none"`

	Environ   []string      `env:"-"` // of which the variables that tune the services are passed on to them
	Progress  io.Writer     `env:"-"` // one line a step
	BlockTime time.Duration `env:"-"` // of the development chain; 0 for local.DefaultPeriod
	Remind    time.Duration `env:"-"` // between two reports that a part stays stopped; 0 for a minute
}

// listen listens where tills are to be served.
func (c Config) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.GatewayAddr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot listen on GATEWAY_ADDR: %w", err)
	}
	return l, nil
}

// urlOf is where a server that listens at addr is called from this machine.
func urlOf(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return "http://" + addr.String()
}

const maxPort = 65_535

// Check names the variable that is wrong.
func (c Config) Check() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("RUN_DIR is empty"))
	}
	if _, _, err := net.SplitHostPort(c.GatewayAddr); err != nil {
		errs = append(errs, errors.New("GATEWAY_ADDR is not a host:port"))
	}
	if c.MetricsPort > maxPort-3 {
		errs = append(errs, fmt.Errorf("METRICS_PORT must be at most %d: three more follow it", maxPort-3))
	}
	taken := map[int]string{}
	for name, port := range map[string]int{
		"POSTGRES_PORT": c.PostgresPort, "REDIS_PORT": c.RedisPort, "NATS_PORT": c.NATSPort, "CHAIN_PORT": c.ChainPort,
		"METRICS_PORT": c.MetricsPort,
	} {
		if port < 0 || port > maxPort {
			errs = append(errs, fmt.Errorf("%s must be between 0 and %d", name, maxPort))
		} else if other, double := taken[port]; double && port != 0 {
			errs = append(errs, fmt.Errorf("%s and %s are the same port", name, other))
		}
		taken[port] = name
	}
	return errors.Join(errs...)
}

func (c Config) path(name string) string { return filepath.Join(c.Dir, name) }

// tuning are the variables that reach the services from the engine's own environment. All others the engine sets itself:
// a shell that has sourced .run/env must not change the next start with them.
var tuning = []string{
	"LOG_LEVEL", "ALLOWED_ORIGINS", "LOYALTY_RULES", "TERMINAL_RATE_PER_SECOND", "TRUSTED_PROXIES", "RATE_STATIC", "REPAIR_AFTER", "REPAIR_MAX", "AUDIT_AT",
	"PEAK_SALES_PER_SECOND", "PROMISE_ISSUER", "PROMISE_WITHIN", "PUBLIC_CONTRACT", "RECEIPT_SHOP_FILE", "PUBLIC_RPC_URL", "EXPLORER_URL",
	"RATE_FEEDS", "RATE_FEED_KEY_FILES", "RATE_CURRENCIES", "RATE_POLL", "RATE_FRESH_FOR", "RATE_MAX_AGE",
	"ANCHOR_FEE_CEILING_GWEI", "ANCHOR_FEE_RISE_AFTER", "ANCHOR_FINALITY", "ANCHOR_BATCH_MAX", "ANCHOR_BATCH_AGE", "ANCHOR_FEE_CAP_GWEI",
	"ANCHOR_BUMP_AFTER", "ANCHOR_POLL", "ANCHOR_BATCH_AGE_MAX", "ANCHOR_BUDGET_ETH_PER_DAY",
}

// defaults fit one developer's machine: a proof within seconds, streams that fit any disk.
var defaults = []string{
	"RATE_STATIC=INR=254321.17,USD=3050.12,EUR=2801.40,GBP=2402.75,JPY=472150,KWD=935.250",
	"PEAK_SALES_PER_SECOND=20", "ANCHOR_FINALITY=latest", "ANCHOR_BATCH_AGE=1s", "ANCHOR_POLL=500ms",
}

// environFor is a service's environment: defaults, then what tunes it, then what the engine sets.
func (c Config) environFor(own ...string) []string {
	environ := slices.Clone(defaults)
	for _, entry := range c.Environ {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(tuning, name) {
			environ = append(environ, entry)
		}
	}
	return append(environ, own...)
}

func (c Config) metricsAddr(service int) string {
	if c.MetricsPort == 0 {
		return ""
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.MetricsPort+service))
}

// claimMetrics names the variable that sets a metrics port that is in use; the services know it by another name.
func (c Config) claimMetrics(ctx context.Context) error {
	for service := 0; service < 4 && c.MetricsPort != 0; service++ {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", c.metricsAddr(service))
		if err != nil {
			return fmt.Errorf("port %d for metrics is in use; set METRICS_PORT to another, with the next three free too: %w", c.MetricsPort+service, err)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) say(format string, args ...any) {
	if c.Progress != nil {
		_, _ = fmt.Fprintf(c.Progress, format+"\n", args...) // progress that nobody can read is not a failure
	}
}

const (
	privateDir  = 0o700
	passDir     = 0o711 // Postgres's own user passes through to its data
	privateFile = 0o600
)

func (c Config) makeDirs() error {
	if err := os.MkdirAll(c.Dir, passDir); err != nil {
		return fmt.Errorf("create RUN_DIR: %w", err)
	}
	return os.MkdirAll(c.path("log"), privateDir)
}
