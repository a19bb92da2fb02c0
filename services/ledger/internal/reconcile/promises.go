package reconcile

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/ledger/internal/promises"
	"github.com/tillseal/tillseal/shared/fault"
)

// promiseShare bounds what the search for promises that are not kept costs: a search is followed by a pause this many times as long.
const promiseShare = 50

// watchPromises searches unless it just did, shows what it finds and raises the alarm. That a search failed, for want of time on a cold
// database, is no reason to give up repairs: what was shown last stands until the next one.
func (l *leader) watchPromises(ctx context.Context, now time.Time) {
	if now.Before(l.promisesAt) {
		return
	}
	began := time.Now()
	err := l.searchPromises(ctx, now)
	l.promisesAt = time.Now().Add(promiseShare * time.Since(began))
	if err != nil && ctx.Err() == nil {
		l.Log.Warn("the oldest promise that is not kept could not be found; trying again later", "kind", fault.KindOf(err).String(), "error", err)
	}
}

func (l *leader) searchPromises(ctx context.Context, now time.Time) error {
	if err := promises.Advance(ctx, l.session); err != nil {
		return err
	}
	seen, err := promises.Find(ctx, l.session, l.stages.from, l.Alarm.Within, now)
	if err != nil {
		return err
	}
	l.Metrics.OldestPromise.Set(seen.Age(now).Seconds())
	l.Metrics.Broken.Set(number(seen.Broken))
	l.Alarm.Note(seen, now)
	return nil
}

func newOldestPromise() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tillseal_ledger_oldest_promise_seconds", Help: "Age of the oldest sale, parked and discarded ones included, in no mined batch; 0 when there is none.",
	})
}

func newBroken() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tillseal_ledger_promises_broken", Help: "Sales older than PROMISE_WITHIN in no mined batch, counted up to 10,000.",
	})
}
