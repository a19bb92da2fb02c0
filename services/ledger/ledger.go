// Package ledger keeps what the pipeline announces about each sale, answers requests for a sale's state and proof, and publishes again
// what the pipeline lost.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/ledger/internal/auditor"
	"github.com/tillseal/tillseal/services/ledger/internal/book"
	"github.com/tillseal/tillseal/services/ledger/internal/keys"
	"github.com/tillseal/tillseal/services/ledger/internal/operate"
	"github.com/tillseal/tillseal/services/ledger/internal/promises"
	"github.com/tillseal/tillseal/services/ledger/internal/read"
	"github.com/tillseal/tillseal/services/ledger/internal/reconcile"
	"github.com/tillseal/tillseal/services/ledger/internal/republish"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/promise"
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

	RepairMax time.Duration `env:"REPAIR_MAX" envDefault:"10m" doc:"age from which a lost sale is published again even while messages are pending"`

	AuditAt  string        `env:"AUDIT_AT" envDefault:"03:00" doc:"time of the day, UTC, at which the ledger audits everything, and each hour what came since; off for only when an operator asks"`
	Provider config.Secret `env:"WEB3_PROVIDER" doc:"Ethereum JSON-RPC URLs, comma-separated, by which the audit compares the contract's log; without it the audit does not, and says so"`

	PromiseWithin time.Duration `env:"PROMISE_WITHIN" envDefault:"24h" doc:"how long after a record its batch stands in a block at the latest, as each promise says"`

	// Ready, when set, is called once: Postgres has answered, and requests are answered.
	Ready func() `env:"-"`
}

// Limits of REPAIR_AFTER and REPAIR_MAX: below the first a slow commit would count as lost, beyond the others a lost sale waits too long.
const (
	minRepairAfter = time.Second
	maxRepairAfter = 10 * time.Minute
	maxRepairMax   = 24 * time.Hour
)

// Limits of the sessions. No till waits for the ledger, so a slow database may take its time, but not for ever.
const (
	maxConns       = 12 // four consumers and the reads
	connectLimit   = 5 * time.Second
	lockLimit      = 5 * time.Second
	statementLimit = 15 * time.Second // many times the longest read of the reconciler
	idleLimit      = 15 * time.Second
)

// Check names each variable that is wrong.
func (c Config) Check() error {
	errs := []error{
		c.Telemetry.Check(), c.Stream.Check(), config.CheckPostgresURL("DB_URL", c.DBURL), promise.CheckWithin("PROMISE_WITHIN", c.PromiseWithin),
	}
	if _, err := auditor.ParseSchedule(c.AuditAt); err != nil {
		errs = append(errs, fmt.Errorf("AUDIT_AT %w", err))
	}
	for i, url := range strings.Split(c.Provider.Reveal(), ",") {
		if url = strings.TrimSpace(url); c.Provider != "" && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			errs = append(errs, fmt.Errorf("WEB3_PROVIDER: URL %d is not http or https", i+1))
		}
	}
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

// Run keeps the ledger until ctx ends; messages that were being processed then are delivered again, which is harmless. Its error is nil
// then, or ctx's when it was still waiting for something. A wrong Config is an Invalid fault that names the variable; while NATS or
// Postgres is unavailable, Run waits for it.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	tel, err := telemetry.Start(ctx, "ledger", cfg.Telemetry)
	if err != nil {
		return err
	}
	defer tel.Close()
	counts := newCounts(tel.Metrics) // before waiting for anything
	alarm := intact.NewAlarm(tel.Log, tel.Metrics, intact.Sale, intact.Journal, intact.Closing)
	pool, err := postgres.Open(ctx, cfg.DBURL, postgres.Limits{
		Service: "ledger", MaxConns: maxConns, Connect: connectLimit, Lock: lockLimit, Statement: statementLimit, IdleInTransaction: idleLimit,
	})
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
	ring := keys.Ring(pool)
	again := republish.New(bus, ring, alarm, tel.Log)
	r := &reconcile.Reconciler{
		Pool: pool, Bus: bus, Publisher: again, Log: tel.Log, Metrics: counts.reconciler, RepairAfter: cfg.RepairAfter, RepairMax: cfg.RepairMax,
		Alarm: promises.Alarm{Log: tel.Log, Within: cfg.PromiseWithin},
	}
	schedule, err := auditor.ParseSchedule(cfg.AuditAt)
	if err != nil {
		return fault.WithKind(fault.Invalid, fmt.Errorf("AUDIT_AT %w", err))
	}
	audits := auditor.New(pool, &auditor.Auditor{
		Schedule: schedule, URL: cfg.DBURL, Provider: cfg.Provider, PromiseWithin: cfg.PromiseWithin, Bus: bus, Log: tel.Log, Metrics: counts.audits,
	})
	desk := operate.Desk{
		Pool: pool, Publisher: again, Log: tel.Log, RepairAfter: cfg.RepairAfter, PromiseWithin: cfg.PromiseWithin, Active: r.Active, Auditor: audits,
	}
	stop, err := bus.Serve(ctx, "Keeps what is anchored and hands out proofs", append(read.New(pool, ring, alarm).Endpoints(), desk.Endpoints()...)...)
	if err != nil {
		return err
	}
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return work(ctx, counts, pages, r, audits) })
	group.Go(func() error { r.Count(ctx); return nil })
	group.Go(func() error { audits.Show(ctx); return nil })
	group.Go(func() error {
		if err := postgres.Await(ctx, pool, tel.Log); err != nil {
			return err
		}
		if cfg.Ready != nil {
			cfg.Ready()
		}
		return nil
	})
	return group.Wait()
}

// counts are the ledger's metrics.
type counts struct {
	written    *prometheus.CounterVec
	reconciler *reconcile.Metrics
	audits     *auditor.Metrics
}

func newCounts(registry *prometheus.Registry) *counts {
	c := &counts{
		written: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_ledger_messages_total", Help: "Messages written to the ledger, by the durable that delivered them.",
		}, []string{"durable"}),
		reconciler: reconcile.NewMetrics(registry), audits: auditor.NewMetrics(registry),
	}
	for _, durable := range []string{stream.DurableLedger, stream.DurableLedgerBatches, stream.DurableLedgerClosed, stream.DurableLedgerParked} {
		c.written.WithLabelValues(durable)
	}
	registry.MustRegister(c.written)
	return c
}

// work runs the consumers, the reconciler and the audits, once there are streams, until ctx ends or one of them meets a Fatal fault. Reads need
// Postgres alone and don't wait for that.
func work(ctx context.Context, counts *counts, pages *book.Book, r *reconcile.Reconciler, audits *auditor.Auditor) error {
	if err := r.Bus.Ensure(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for durable, handle := range map[string]stream.Handler{
		stream.DurableLedger: pages.Anchored, stream.DurableLedgerBatches: pages.Batches, stream.DurableLedgerClosed: pages.Closed,
		stream.DurableLedgerParked: pages.Parked,
	} {
		group.Go(func() error {
			return r.Bus.Consume(ctx, durable, book.MaxBatch, counted(handle, counts.written.WithLabelValues(durable)))
		})
	}
	group.Go(func() error { r.Run(ctx); return nil })
	group.Go(func() error { audits.Run(ctx); return nil })
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
