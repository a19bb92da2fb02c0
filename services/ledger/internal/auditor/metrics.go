package auditor

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/wait"
)

// Metrics are what every replica shows of the audits, from Postgres.
type Metrics struct {
	Age      *prometheus.GaugeVec
	Result   *prometheus.GaugeVec
	Findings *prometheus.GaugeVec
	Running  prometheus.Gauge
}

// results are what Result shows of an audit that ended, as the exit codes of the command.
var results = map[string]int64{clean: 0, findings: 1, failed: 2, stopped: 2}

// number converts a count for Prometheus.
func number(n int64) float64 { return float64(n) } //nolint:forbidigo // Prometheus counts in floats; no money here

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		Age: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tillseal_ledger_audit_age_seconds",
			Help: "Time since the last audit of a scope that was completed had begun, or this service if none was. full: of everything; since: of what came after.",
		}, []string{"scope"}),
		Result: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tillseal_ledger_audit_result",
			Help: "What the last audit of a scope came to: 0 nothing found, 1 findings, 2 not completed; 0 before one ended.",
		}, []string{"scope"}),
		Findings: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tillseal_ledger_audit_findings",
			Help: "Open findings of the audits, by their kind: an alarm. One of everything that does not find them any more closes them.",
		}, []string{"kind"}),
		Running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tillseal_ledger_audit_running", Help: "1 while an audit runs, in whatever replica."}),
	}
	for _, kind := range audit.AllKinds() { // an alarm on an increase needs the zero before
		m.Findings.WithLabelValues(string(kind))
	}
	for _, scope := range []string{Full, Since} {
		m.Age.WithLabelValues(scope)
		m.Result.WithLabelValues(scope)
	}
	registry.MustRegister(m.Age, m.Result, m.Findings, m.Running)
	return m
}

// Show keeps the metrics until ctx ends, in each replica.
func (a *Auditor) Show(ctx context.Context) {
	for {
		a.step(ctx, a.show)
		if !wait.Pause(ctx, showEvery) {
			return
		}
	}
}

func (a *Auditor) show(ctx context.Context) error {
	runs, err := a.book.runs(ctx)
	if err != nil {
		return err
	}
	open, err := a.book.open(ctx)
	if err != nil {
		return err
	}
	for _, scope := range []string{Full, Since} {
		from := a.began
		if r := runs.Completed[scope]; r != nil {
			from = *r.StartedAt
		}
		a.Metrics.Age.WithLabelValues(scope).Set(time.Since(from).Seconds())
	}
	for scope, r := range runs.Ended {
		a.Metrics.Result.WithLabelValues(scope).Set(number(results[r.State]))
	}
	for _, kind := range audit.AllKinds() {
		a.Metrics.Findings.WithLabelValues(string(kind)).Set(number(open[kind]))
	}
	a.Metrics.Running.Set(0)
	if runs.Active != nil && runs.Active.State == running {
		a.Metrics.Running.Set(1)
	}
	return nil
}
