package reconcile

import (
	"context"
	_ "embed" // the statements
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed sql/stages.sql
var stagesSQL string

// Metrics are what the active reconciler counts; a replica that does not lead shows 0 for the ages and numbers, so that the highest
// of all replicas is the active one's. Parked is shown by every replica.
type Metrics struct {
	Repaired    prometheus.Counter
	Reannounced prometheus.Counter
	Reclosed    prometheus.Counter
	Reset       *prometheus.CounterVec
	Restored    *prometheus.CounterVec
	Open        prometheus.Gauge
	Missing     prometheus.Gauge
	Leads       prometheus.Gauge
	Parked      *prometheus.GaugeVec
	Oldest      *prometheus.GaugeVec

	OldestPromise prometheus.Gauge
	Broken        prometheus.Gauge

	parkers map[string]bool // services for which Parked is shown; only Count uses it once that runs
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		Repaired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_ledger_repaired_total", Help: "SaleRecorded events published again because the sale had no leaf.",
		}),
		Reannounced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_ledger_reannounced_total", Help: "Final batches that the anchor announced again because they had not reached the ledger in full.",
		}),
		Reclosed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_ledger_reclosed_total", Help: "SalesClosed events published again because they had not reached the ledger.",
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
		Missing: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tillseal_ledger_closings_missing", Help: "Closings whose SalesClosed had not reached the ledger in time and has not yet.",
		}),
		Leads: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tillseal_ledger_reconciler_active", Help: "1 on the replica whose reconciler is the active one.",
		}),
		Parked: newParked(),
		Oldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tillseal_ledger_oldest_sale_seconds",
			Help: "Age of the oldest sale that waits for its leaf, for its batch, or for its SaleAnchored to reach the ledger; 0 when none does.",
		}, []string{"stage"}),
		OldestPromise: newOldestPromise(), Broken: newBroken(), parkers: make(map[string]bool),
	}
	for _, durable := range stream.Durables() { // an alarm on an increase needs the zero before
		m.Reset.WithLabelValues(durable)
	}
	for _, name := range stream.Names() {
		m.Restored.WithLabelValues(name)
	}
	for _, service := range parkers {
		m.parkers[service] = true
	}
	m.parked(nil)
	m.idle()
	registry.MustRegister(m.Repaired, m.Reannounced, m.Reclosed, m.Reset, m.Restored, m.Open, m.Missing, m.Leads, m.Parked, m.Oldest, m.OldestPromise, m.Broken)
	return m
}

// idle resets to 0 what only the active replica knows.
func (m *Metrics) idle() {
	m.Leads.Set(0)
	m.Open.Set(0)
	m.Missing.Set(0)
	m.OldestPromise.Set(0)
	m.Broken.Set(0)
	for _, stage := range []string{stageLeaf, stageBatch, stageAnchored} {
		m.Oldest.WithLabelValues(stage).Set(0)
	}
}

// Stages of a sale, by what it waits for.
const (
	stageLeaf     = "leaf"
	stageBatch    = "batch"
	stageAnchored = "anchored"
)

// stages remembers where the search of each stage starts, so that what no longer waits is not read again. It serves the metrics only.
type stages struct {
	from int64 // recorded_at_us: no sale up to it waits for a leaf, except for those in ledger.repair
	leaf int64 // seq: no leaf before it waits for a batch; 0: not known yet
}

// commitLag is how far back from the present sales are searched again: commits are not in the order of recording.
const commitLag = 5 * time.Second

// measure sets the ages.
func (l *leader) measure(ctx context.Context, now time.Time) error {
	from := max(l.stages.from, l.marks[markSales].Position)
	var waits, batch, anchored, next, leaf *int64
	err := l.session.QueryRow(ctx, stagesSQL, pgx.NamedArgs{"from_us": from, "leaf": l.stages.leaf}).Scan(&waits, &batch, &anchored, &next, &leaf)
	if err != nil {
		return postgres.Fault("find the oldest sales", err)
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
	return nil
}

// number converts a count for Prometheus.
func number(n int) float64 { return float64(n) } //nolint:forbidigo // Prometheus counts in floats; no money here
