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
	restoreEvery = tickLongest      // between two looks at the configuration of streams and durables: an edit is undone well within 30 s
	alarmEvery   = 10 * time.Minute // between two log lines of what can't be put back
)

// restoring looks whether streams and durables are as the code describes them and puts back what is not, until ctx ends: whoever may
// change a stream could have it drop what nobody has read. It runs beside the ticks, since publishing into a stream that takes
// nothing makes a tick long.
func (r *Reconciler) restoring(ctx context.Context) {
	alarmed := make(map[string]*rate.Sometimes)
	for {
		drifts, err := r.Bus.Restore(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("the configuration of the streams could not be looked at", "kind", fault.KindOf(err).String(), "error", err)
		}
		for _, d := range drifts {
			r.tell(d, alarmed)
		}
		if !wait.Pause(ctx, restoreEvery) {
			return
		}
	}
}

// tell raises the alarm: each time that something was put back, and now and then for what can't be.
func (r *Reconciler) tell(d stream.Drift, alarmed map[string]*rate.Sometimes) {
	if d.Restored {
		r.Metrics.Restored.WithLabelValues(d.Stream).Inc()
		r.Log.Error("ALARM: somebody changed a stream or a durable, and it is put back", "stream", d.Stream, "durable", d.Durable, "changed", d.What())
		return
	}
	what := d.Stream + "." + d.Durable
	if alarmed[what] == nil {
		alarmed[what] = &rate.Sometimes{Interval: alarmEvery}
	}
	alarmed[what].Do(func() {
		r.Log.Error("ALARM: a stream or a durable is not as it must be, and can't be put back", "stream", d.Stream, "durable", d.Durable,
			"changed", d.What(), "reason", d.Why)
	})
}
