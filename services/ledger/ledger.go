// Package ledger keeps what the pipeline says of each sale, answers for its state and its proof, and publishes again what
// the pipeline lost.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/ledger/internal/book"
	"github.com/tillseal/tillseal/services/ledger/internal/db"
	"github.com/tillseal/tillseal/services/ledger/internal/parked"
	"github.com/tillseal/tillseal/services/ledger/internal/read"
	"github.com/tillseal/tillseal/services/ledger/internal/reconcile"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
)

// Config is everything that Run reads.
type Config struct {
	Telemetry telemetry.Config
	Stream    stream.Config

	// DBURL logs in as role ledger.
	DBURL config.Secret `env:"DB_URL,required,notEmpty" doc:"Postgres URL of the service's own role, such as postgres://ledger@127.0.0.1:5432/tillseal"`
	// RepairAfter must exceed any clock skew between gateways plus their longest transaction: a sale that is committed later
	// than this after its recorded_at is passed over, and found an hour later only.
	RepairAfter time.Duration `env:"REPAIR_AFTER" envDefault:"30s" doc:"age from which a committed sale without a leaf counts as lost and is published again"`

	RepairMax time.Duration `env:"REPAIR_MAX" envDefault:"10m" doc:"age from which it is published again whatever is still pending in the streams"`

	// Ready, when set, is called once: Postgres has answered and requests are answered.
	Ready func() `env:"-"`
}

// Limits of REPAIR_AFTER and REPAIR_MAX: below the first a slow commit looks lost, beyond the others a lost sale waits too long.
const (
	minRepairAfter = time.Second
	maxRepairAfter = 10 * time.Minute
	maxRepairMax   = 24 * time.Hour
)

// Check names each variable that is wrong.
func (c Config) Check() error {
	errs := []error{c.Telemetry.Check(), c.Stream.Check(), config.CheckPostgresURL("DB_URL", c.DBURL)}
	if c.RepairAfter < minRepairAfter || c.RepairAfter > maxRepairAfter {
		errs = append(errs, fmt.Errorf("REPAIR_AFTER must be between %s and %s", minRepairAfter, maxRepairAfter))
	}
	switch {
	case c.RepairMax > maxRepairMax:
		errs = append(errs, fmt.Errorf("REPAIR_MAX must be at most %s", maxRepairMax))
	case c.RepairMax < c.RepairAfter:
		errs = append(errs, errors.New("REPAIR_MAX must be at least REPAIR_AFTER"))
	}
	return errors.Join(errs...)
}

// Run keeps the ledger until ctx ends; what was under way then is delivered again, which is harmless. A wrong Config is an
// Invalid fault that names the variable; a NATS or Postgres that is away is waited for.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	tel, err := telemetry.Start(ctx, "ledger", cfg.Telemetry)
	if err != nil {
		return err
	}
	defer tel.Close()
	counts := newCounts(tel.Metrics) // before anything is waited for
	pool, err := db.Open(ctx, cfg.DBURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	pages := book.New(pool, tel.Log, tel.Metrics)
	bus, err := stream.Connect("ledger", cfg.Stream, tel.Log)
	if err != nil {
		return err
	}
	defer bus.Close()
	tel.Metrics.MustRegister(bus)
	if err := bus.Ensure(ctx); err != nil || ctx.Err() != nil {
		return stopped(ctx, err)
	}
	operators := parked.Desk{Pool: pool, Bus: bus, Log: tel.Log, Metrics: counts.reconciler, RepairAfter: cfg.RepairAfter}
	stop, err := bus.Serve(ctx, "keeps what is anchored and hands out proofs", append(read.New(pool).Endpoints(), operators.Endpoints()...)...)
	if err != nil {
		return stopped(ctx, err)
	}
	defer stop()
	return work(ctx, cfg, tel, counts, pages, pool, bus)
}

// counts are the ledger's metrics.
type counts struct {
	written    *prometheus.CounterVec
	reconciler *reconcile.Metrics
}

func newCounts(registry *prometheus.Registry) *counts {
	c := &counts{
		written: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_ledger_messages_total", Help: "Messages written to the ledger, by the durable that brought them.",
		}, []string{"durable"}),
		reconciler: reconcile.NewMetrics(registry),
	}
	for _, durable := range []string{stream.DurableLedger, stream.DurableLedgerBatches, stream.DurableLedgerParked} {
		c.written.WithLabelValues(durable)
	}
	registry.MustRegister(c.written)
	return c
}

// work runs the consumers and the reconciler until ctx ends or one of them meets a Fatal fault.
func work(ctx context.Context, cfg Config, tel *telemetry.Telemetry, counts *counts, pages *book.Book, pool *pgxpool.Pool,
	bus *stream.Bus,
) error {
	group, ctx := errgroup.WithContext(ctx)
	for durable, handle := range map[string]stream.Handler{
		stream.DurableLedger: pages.Anchored, stream.DurableLedgerBatches: pages.Batches, stream.DurableLedgerParked: pages.Parked,
	} {
		group.Go(func() error {
			return bus.Consume(ctx, durable, book.MaxBatch, counted(handle, counts.written.WithLabelValues(durable)))
		})
	}
	r := &reconcile.Reconciler{
		Pool: pool, Bus: bus, Log: tel.Log, Metrics: counts.reconciler, RepairAfter: cfg.RepairAfter, RepairMax: cfg.RepairMax,
	}
	group.Go(func() error { r.Run(ctx); return nil })
	group.Go(func() error { r.Count(ctx); return nil })
	group.Go(func() error {
		if awaitPostgres(ctx, pool, tel.Log) && cfg.Ready != nil {
			cfg.Ready()
		}
		return nil
	})
	return group.Wait()
}

func counted(handle stream.Handler, done prometheus.Counter) stream.Handler {
	return func(ctx context.Context, batch []stream.Message) []error {
		errs := handle(ctx, batch)
		for _, err := range errs {
			if err == nil {
				done.Inc()
			}
		}
		return errs
	}
}

const (
	pingEvery   = 500 * time.Millisecond
	pingTimeout = 5 * time.Second
)

// awaitPostgres returns true once Postgres answers, or false when ctx ends before.
func awaitPostgres(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) bool {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for tries := 0; ; tries++ {
		attempt, cancel := context.WithTimeout(ctx, pingTimeout)
		err := pool.Ping(attempt)
		cancel()
		if err == nil {
			return true
		}
		if tries == 0 && ctx.Err() == nil {
			log.Warn("waiting for Postgres", "error", db.Fault("connect", err))
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}

// stopped makes an error that only says that ctx ended into the orderly end that it is.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // a stop is no failure
	}
	return err
}
