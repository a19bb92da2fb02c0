package reconcile

import (
	"context"
	_ "embed" // the statements
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/ledger/internal/db"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed stages.sql
var stagesSQL string

//go:embed parked.sql
var parkedSQL string

// Metrics are what the active reconciler counts; a replica that does not lead shows none of the ages and numbers.
type Metrics struct {
	Repaired    prometheus.Counter
	Reannounced prometheus.Counter
	Reset       *prometheus.CounterVec
	Restored    *prometheus.CounterVec
	Open        prometheus.Gauge
	Leads       prometheus.Gauge
	Parked      *prometheus.GaugeVec
	Oldest      *prometheus.GaugeVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		Repaired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_ledger_repaired_total", Help: "SaleRecorded events published again because the sale had no leaf.",
		}),
		Reannounced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_ledger_reannounced_total", Help: "Final batches that the anchor announced again because the ledger had not heard of them in full.",
		}),
		Reset: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_ledger_durables_reset_total", Help: "Durables reset because they were ahead of their stream's end.",
		}, []string{"durable"}),
		Restored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_ledger_config_restored_total", Help: "Changes by others to a stream or one of its durables that were undone.",
		}, []string{"stream"}),
		Open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tillseal_ledger_repairs_open", Help: "Sales that were found without a leaf and have none yet.",
		}),
		Leads: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tillseal_ledger_reconciler_active", Help: "1 on the replica whose reconciler is the active one.",
		}),
		Parked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tillseal_ledger_parked", Help: "Parked messages that wait for an operator, by the service that gave them up.",
		}, []string{"service"}),
		Oldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tillseal_ledger_oldest_sale_seconds",
			Help: "Age of the oldest sale that waits for its leaf, then for its batch, then for the ledger to hear that it is anchored; 0 when none does.",
		}, []string{"stage"}),
	}
	for _, durable := range stream.Durables() {
		m.Restored.WithLabelValues(stream.Of(durable))
	}
	registry.MustRegister(m.Repaired, m.Reannounced, m.Reset, m.Restored, m.Open, m.Leads, m.Parked, m.Oldest)
	return m
}

// idle takes back what only the active replica knows.
func (m *Metrics) idle() {
	m.Leads.Set(0)
	m.Open.Set(0)
	m.Parked.Reset()
	m.Oldest.Reset()
}

// Stages of a sale, by what it waits for.
const (
	stageLeaf     = "leaf"
	stageBatch    = "batch"
	stageAnchored = "anchored"
)

// maxCounted bounds the parked messages that are counted, once in two REPAIR_AFTER: the cost grows with all that ever were.
const maxCounted = 10_000

// stages remembers from where on each stage is searched, so that what was safe once is not looked at again. It serves the
// metrics alone.
type stages struct {
	from int64 // recorded_at_us: no sale up to it waits for a leaf, but for those in ledger.repair
	leaf int64 // seq: no leaf before it waits for a batch; 0: not known yet
}

// commitLag is how far back from the present sales are searched again: commits are not in the order of recording.
const commitLag = 5 * time.Second

// measure sets the ages and the number of parked messages.
func (l *leader) measure(ctx context.Context, now time.Time) error {
	from := max(l.stages.from, l.marks[lookSales].Place)
	var waits, batch, anchored, next, leaf *int64
	err := l.session.QueryRow(ctx, stagesSQL, pgx.NamedArgs{"from_us": from, "leaf": l.stages.leaf}).Scan(&waits, &batch, &anchored, &next, &leaf)
	if err != nil {
		return db.Fault("find the oldest sales", err)
	}
	if next != nil {
		l.stages.from = min(*next, now.Add(-commitLag).UnixMicro())
	}
	if leaf != nil {
		l.stages.leaf = *leaf
	}
	for stage, recorded := range map[string]*int64{stageLeaf: waits, stageBatch: batch, stageAnchored: anchored} {
		age := time.Duration(0)
		if recorded != nil {
			age = max(0, now.Sub(time.UnixMicro(*recorded)))
		}
		l.Metrics.Oldest.WithLabelValues(stage).Set(age.Seconds())
	}
	l.Metrics.Leads.Set(1)
	if now.Sub(l.counted) < 2*l.RepairAfter {
		return nil
	}
	l.counted = now
	return l.countParked(ctx)
}

func (l *leader) countParked(ctx context.Context) error {
	rows, err := l.session.Query(ctx, parkedSQL, pgx.NamedArgs{"rows": maxCounted})
	if err != nil {
		return db.Fault("count what is parked", err)
	}
	l.Metrics.Parked.Reset()
	var service string
	var parked int
	_, err = pgx.ForEachRow(rows, []any{&service, &parked}, func() error {
		l.Metrics.Parked.WithLabelValues(service).Set(number(parked))
		return nil
	})
	return db.Fault("count what is parked", err)
}

// number is a count as Prometheus takes it.
func number(n int) float64 { return float64(n) } //nolint:forbidigo // Prometheus counts in floats; no money here
