// Package reconcile makes the sale its own outbox: a committed sale that has no leaf in the anchor's journal, although it is old enough
// and nothing is pending, was lost on its way and is published again (infra/docs/CONTRACT.md, 7.3). Likewise the anchor is asked to
// announce a final batch again that has not reached the ledger in full, and a closing that has not arrived is published again.
package reconcile

import (
	"context"
	_ "embed" // the statements
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/services/ledger/internal/promises"
	"github.com/tillseal/tillseal/services/ledger/internal/republish"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/wait"
)

// Reconciler is one of any number of replicas, of which one is active: the one whose session holds the lock.
type Reconciler struct {
	Pool        *pgxpool.Pool
	Bus         *stream.Bus
	Publisher   *republish.Publisher
	Log         *slog.Logger
	Metrics     *Metrics
	RepairAfter time.Duration  // a sale's age from which it counts as lost; longer than any clock skew plus the longest transaction
	RepairMax   time.Duration  // and from which it does even while messages are pending
	Alarm       promises.Alarm // about promises that are not kept; it outlives a lease, so that a new one repeats nothing

	leads atomic.Bool
}

// Active reports whether this replica is the active one.
func (r *Reconciler) Active() bool { return r.leads.Load() }

const (
	tickLongest    = 4 * time.Second        // between two ticks that find nothing to do: the ages that they show are less than 5 s old
	tickMore       = 250 * time.Millisecond // after a tick that left something to do
	tickTimeout    = 2 * time.Minute        // for a whole tick
	searchesAtOnce = 50                     // statements of one search in one tick; at the first start the whole table is searched
)

// Run reconciles until ctx ends. What fails is tried again at the next tick. Everything that a leader knows is in the tables, except what
// is pending in the streams, which the next leader finds out by itself.
func (r *Reconciler) Run(ctx context.Context) {
	for {
		if err := r.lead(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("reconciling was interrupted", "kind", fault.KindOf(err).String(), "error", err)
		}
		r.Metrics.idle()
		if !wait.Pause(ctx, r.atRest()) {
			return
		}
	}
}

func (r *Reconciler) atRest() time.Duration { return min(tickLongest, r.RepairAfter/4) }

//go:embed sql/try_reconciling.sql
var tryReconcilingSQL string

// lead takes the lock and reconciles for as long as its session lives; nil when another replica leads. Every statement runs
// on that very session, so that a lock that was lost takes the work with it.
func (r *Reconciler) lead(ctx context.Context) error {
	lead, err := postgres.TakeLead(ctx, r.Pool, "reconciler", tryReconcilingSQL)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lead.Release(ctx)
	l, err := r.begin(ctx, lead.Session)
	if err != nil {
		return err
	}
	r.leads.Store(true)
	defer r.leads.Store(false)
	leading, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { r.restoring(leading) })
	defer func() { stop(); beside.Wait() }()
	for {
		more, err := l.tick(ctx)
		if err != nil {
			return err
		}
		rest := r.atRest()
		if more {
			rest = min(rest, tickMore)
		}
		if !wait.Pause(ctx, rest) {
			return nil
		}
	}
}

// leader is the active Reconciler with what it knows.
type leader struct {
	*Reconciler
	session  *pgx.Conn
	marks    map[string]mark // by search, as the table has them
	sales    Gate
	batches  Gate
	closings Gate
	ahead    map[string]time.Time // since when a durable was seen ahead of its stream
	asked    time.Time            // when the anchor was last asked to announce
	stages   stages

	promisesAt time.Time // when promises are searched next
}

var (
	//go:embed sql/planning.sql
	planningSQL string
	//go:embed sql/low_water.sql
	lowWaterSQL string
)

// begin prepares the session, has what was shelved tried again, and reads the marks.
func (r *Reconciler) begin(ctx context.Context, session *pgx.Conn) (*leader, error) {
	if _, err := session.Exec(ctx, planningSQL); err != nil {
		return nil, postgres.Fault("prepare the reconciler's session", err)
	}
	if _, err := session.Exec(ctx, closingsUnshelveSQL); err != nil {
		return nil, postgres.Fault("have closings tried that were too large", err)
	}
	l := &leader{Reconciler: r, session: session, marks: make(map[string]mark), ahead: make(map[string]time.Time)}
	rows, err := session.Query(ctx, lowWaterSQL)
	if err != nil {
		return nil, postgres.Fault("read the low-water marks", err)
	}
	var search string
	var m mark
	if _, err := pgx.ForEachRow(rows, []any{&search, &m.Position, &m.SaleID}, func() error { l.marks[search] = m; return nil }); err != nil {
		return nil, postgres.Fault("read the low-water marks", err)
	}
	return l, nil
}

// tick reads the streams first and the tables after: a message that left the last stream has its leaf by then, so a sale without one was
// not on its way. more reports that there is something left to do at once.
func (l *leader) tick(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	now := time.Now()
	checkErr := l.check(ctx, now)
	if checkErr == nil {
		var sales, batches, closings bool
		if sales, err = l.repair(ctx, now); err != nil {
			return false, err
		}
		if batches, err = l.announce(ctx, now); err != nil {
			return false, err
		}
		if closings, err = l.reclose(ctx, now); err != nil {
			return false, err
		}
		more = sales || batches || closings
	}
	if err := l.measure(ctx, now); err != nil { // also when NATS is unavailable: that is when the ages matter
		return false, err
	}
	l.watchPromises(ctx, now)
	if checkErr != nil && ctx.Err() == nil { // the lock and the session are kept
		l.Log.Warn("the streams could not be inspected: no repairs meanwhile", "kind", fault.KindOf(checkErr).String(), "error", checkErr)
	}
	return more, nil
}

// due is the moment up to which repairs are due: the one up to which nothing is pending, or RepairMax - RepairAfter ago if that is later.
func (l *leader) due(g *Gate, now time.Time) time.Time {
	forced := now.Add(l.RepairAfter - l.RepairMax)
	if g.Clear().After(forced) {
		return g.Clear()
	}
	return forced
}
