// Package telemetry gives a service its log and its metrics.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// Config is the part of each service's settings that this package reads.
type Config struct {
	LogLevel    string    `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error"`
	MetricsAddr string    `env:"METRICS_ADDR" doc:"where Prometheus metrics and /healthz are served, such as 127.0.0.1:9090; empty for nowhere"`
	LogOutput   io.Writer `env:"-"` // standard error when nil
}

// Check names LOG_LEVEL and METRICS_ADDR when they are wrong.
func (c Config) Check() error {
	var (
		level slog.Level
		errs  []error
	)
	if err := level.UnmarshalText([]byte(c.LogLevel)); c.LogLevel != "" && err != nil {
		errs = append(errs, errors.New("LOG_LEVEL must be one of debug, info, warn, error"))
	}
	if c.MetricsAddr != "" {
		errs = append(errs, config.CheckAddr("METRICS_ADDR", c.MetricsAddr))
	}
	return errors.Join(errs...)
}

// Telemetry is one service's log and metrics; nothing is global, since several services may share a process.
type Telemetry struct {
	Log     *slog.Logger
	Metrics *prometheus.Registry

	server *http.Server
}

const readHeaderTimeout = 5 * time.Second // so that a silent scraper holds no connection

// Start opens the log and, when METRICS_ADDR is set, serves /metrics and /healthz there. An address in use is Invalid.
func Start(ctx context.Context, service string, cfg Config) (*Telemetry, error) {
	if err := cfg.Check(); err != nil {
		return nil, fault.WithKind(fault.Invalid, err)
	}
	out := cfg.LogOutput
	if out == nil {
		out = os.Stderr
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // checked above; "" stays info
	t := &Telemetry{
		Log:     slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})).With("service", service),
		Metrics: prometheus.NewRegistry(),
	}
	t.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.MetricsAddr == "" {
		return t, nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", cfg.MetricsAddr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot listen on METRICS_ADDR: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	t.server = &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout}
	go func() {
		if err := t.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Log.Error("metrics are no longer served", "error", err)
		}
	}()
	return t, nil
}

// Close stops serving metrics.
func (t *Telemetry) Close() {
	if t.server != nil {
		_ = t.server.Close() // a scrape that is cut off is repeated by Prometheus
	}
}
