package reconcile

import (
	"context"
	_ "embed" // the statement
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/wait"
)

//go:embed sql/parked.sql
var parkedSQL string

// Limits of counting parked messages. One is shown within five seconds after it was parked, however long REPAIR_AFTER is.
const (
	countEvery   = 2 * time.Second
	countTimeout = 2 * time.Second
	countShare   = 10 // a count is followed by a pause this many times as long, between countEvery and countLongest
	countLongest = 3 * time.Second
	wholeShare   = 200       // the same for a count of everything ever parked; the counts between start from the oldest that waits
	maxLate      = time.Hour // a message written down so long after it was parked is counted only with everything
	maxCounted   = 10_000
)

// parkers are the services that park messages, as the ledger names them; "unknown" is the writer of a message that no service wrote.
var parkers = []string{"pricing", "anchor", "ledger", "unknown"}

// count is what is known of the parked messages that wait for a decision.
type count struct {
	from   time.Time // none that was parked before waits
	whole  time.Time // when all are counted next
	failed bool      // the last try failed, and that was logged
}

// Count keeps the number of parked messages until ctx ends, in each replica: it needs no leader.
func (r *Reconciler) Count(ctx context.Context) {
	var c count
	for {
		began := time.Now()
		err := r.countParked(ctx, &c, began)
		if err != nil && ctx.Err() == nil && !c.failed {
			r.Log.Warn("parked messages cannot be counted", "error", err)
		}
		c.failed = err != nil
		if !wait.Pause(ctx, restAfter(time.Since(began))) {
			return
		}
	}
}

// restAfter is the pause after a count that took so long: with it, and with the next count's own limit, no figure is older than five seconds.
func restAfter(took time.Duration) time.Duration {
	return min(max(countEvery, countShare*took), countLongest)
}

func (r *Reconciler) countParked(ctx context.Context, c *count, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	from := c.from
	if whole := !now.Before(c.whole); whole {
		from = time.Time{}
		defer func() { c.whole = time.Now().Add(max(countEvery, wholeShare*time.Since(now))) }() // one that was interrupted took countTimeout
	}
	rows, err := r.Pool.Query(ctx, parkedSQL, pgx.NamedArgs{"rows": maxCounted, "from": from})
	if err != nil {
		return postgres.Fault("count parked messages", err)
	}
	var (
		service string
		parked  int
		oldest  time.Time
	)
	next, found := now.Add(-maxLate), make(map[string]int)
	_, err = pgx.ForEachRow(rows, []any{&service, &parked, &oldest}, func() error {
		found[service] = parked
		if oldest.Before(next) {
			next = oldest
		}
		return nil
	})
	if err != nil {
		return postgres.Fault("count parked messages", err)
	}
	c.from = next
	r.Metrics.parked(found)
	return nil
}

// parked shows how many messages of each service wait; for a service that has none any more it shows 0.
func (m *Metrics) parked(found map[string]int) {
	for service := range found {
		m.parkers[service] = true
	}
	for service := range m.parkers {
		m.Parked.WithLabelValues(service).Set(number(found[service]))
	}
}

func newParked() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tillseal_ledger_parked", Help: "Parked messages that wait for an operator, by the service that parked them.",
	}, []string{"service"})
}
