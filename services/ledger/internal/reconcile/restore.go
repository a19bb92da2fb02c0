package reconcile

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	restoreEvery = tickLongest      // between two checks of the configuration of streams and durables: a change is undone well within 30 s
	alarmEvery   = 10 * time.Minute // between two log lines about what can't be restored
)

// restoring checks whether streams and durables are as the code describes them and restores what is not, until ctx ends: whoever may
// change a stream could have it drop unread messages. It runs beside the ticks, since a tick takes long while it publishes into a stream
// that accepts nothing.
func (r *Reconciler) restoring(ctx context.Context) {
	alarmed := make(map[string]*rate.Sometimes)
	for {
		drifts, err := r.Bus.Restore(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("the configuration of the streams could not be inspected", "kind", fault.KindOf(err).String(), "error", err)
		}
		for _, d := range drifts {
			r.raiseAlarm(d, alarmed)
		}
		if !wait.Pause(ctx, restoreEvery) {
			return
		}
	}
}

// raiseAlarm logs the alarm about a drift: each time for one that was restored, now and then for one that can't be.
func (r *Reconciler) raiseAlarm(d stream.Drift, alarmed map[string]*rate.Sometimes) {
	if d.Restored {
		r.Metrics.Restored.WithLabelValues(d.Stream).Inc()
		r.Log.Error("ALARM: a stream or a durable was changed by somebody else and has been restored",
			"stream", d.Stream, "durable", d.Durable, "changed", d.What())
		return
	}
	what := d.Stream + "." + d.Durable
	if alarmed[what] == nil {
		alarmed[what] = &rate.Sometimes{Interval: alarmEvery}
	}
	alarmed[what].Do(func() {
		r.Log.Error("ALARM: a stream or a durable differs from its description and cannot be restored", "stream", d.Stream, "durable", d.Durable,
			"changed", d.What(), "reason", d.Why)
	})
}
