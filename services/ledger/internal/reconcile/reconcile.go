// Package reconcile makes the sale its own outbox: a committed sale that has no leaf in the anchor's journal, though its time
// has come and the pipeline is idle, was lost on its way and is published again (DESIGN section 7).
package reconcile

import (
	"context"
	_ "embed" // the statements
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/ledger/internal/db"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed window.sql
var windowSQL string

//go:embed released.sql
var releasedSQL string

//go:embed missing.sql
var missingSQL string

// Reconciler is one of any number of replicas, of which one is active: the one whose session holds the lock.
type Reconciler struct {
	Pool        *pgxpool.Pool
	Bus         *stream.Bus
	Log         *slog.Logger
	Repaired    prometheus.Counter
	RepairAfter time.Duration // a sale's age from which it counts as lost; longer than any clock skew plus the longest transaction
}

const (
	tickLongest = 5 * time.Second
	tickTimeout = 2 * time.Minute // for all that one tick does; at the first it reads the whole table, window by window
	windowRows  = 10_000          // sales looked at by one statement
	// lockID is this lock's among the advisory locks of the database: "tlsl" and 1.
	lockID = 0x746c736c_00000001
)

// Run reconciles until ctx ends. What fails is tried again at the next tick. The plan outlives a lost lock, since what it says
// of the sales up to its mark stays true; a restart, or another replica, makes its own from the tables.
func (r *Reconciler) Run(ctx context.Context) {
	ticker := time.NewTicker(min(tickLongest, r.RepairAfter/4))
	defer ticker.Stop()
	plan := NewPlan(r.RepairAfter)
	for {
		if err := r.lead(ctx, ticker.C, plan); err != nil && ctx.Err() == nil {
			r.Log.Warn("reconciling is interrupted", "kind", fault.KindOf(err).String(), "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// lead takes the lock and reconciles for as long as its session lives; nil when another replica leads. Every statement runs
// on that very session, so that a lock that was lost takes the work with it.
func (r *Reconciler) lead(ctx context.Context, tick <-chan time.Time, plan *Plan) error {
	acquired, err := r.Pool.Acquire(ctx)
	if err != nil {
		return db.Fault("connect to reconcile", err)
	}
	session := acquired.Hijack() // closed here, which lets go of the lock whatever happened
	defer func() {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tickLongest)
		defer cancel()
		_ = session.Close(closeCtx) // the server ends a broken session by itself
	}()
	var leads bool
	if err := session.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockID)).Scan(&leads); err != nil || !leads {
		return db.Fault("take the reconciler's lock", err)
	}
	for {
		if err := r.tick(ctx, session, plan); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
	}
}

// tick looks at the streams first and at the tables after: a message that left a stream has its leaf by then, so that what
// has none was not on its way.
func (r *Reconciler) tick(ctx context.Context, session *pgx.Conn, plan *Plan) error {
	ctx, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	idle, err := r.pipelineIdle(ctx)
	if err != nil || !idle {
		if err == nil { // the lock may be lost while there is nothing to ask
			err = db.Fault("keep the reconciler's session", session.Ping(ctx))
		}
		return err
	}
	now := time.Now()
	if err := r.search(ctx, session, plan, now.Add(-r.RepairAfter)); err != nil {
		return err
	}
	if err := r.searchReleased(ctx, session, plan, now.Add(-r.RepairAfter)); err != nil {
		return err
	}
	due := plan.Due(now)
	if len(due) == 0 {
		return nil
	}
	rows, err := session.Query(ctx, missingSQL, pgx.NamedArgs{"ids": due})
	if err != nil {
		return db.Fault("read lost sales", err)
	}
	lost, err := pgx.CollectRows(rows, pgx.RowToStructByName[Sale])
	if err != nil {
		return db.Fault("read lost sales", err)
	}
	return r.repair(ctx, plan, due, lost, now)
}

// repair publishes what is lost and forgets what is not any more.
func (r *Reconciler) repair(ctx context.Context, plan *Plan, due []string, lost []Sale, now time.Time) error {
	still := make(map[string]bool, len(lost))
	msgs := make([]*nats.Msg, 0, len(lost))
	for _, s := range lost {
		still[s.SaleID] = true
		e, err := s.Recorded()
		if err != nil { // the gateway checked it; the lines are told, not needed
			r.Log.Error("a repaired sale goes without its lines", "sale_id", s.SaleID)
		}
		// Fresh for ever, restarts included, where a count in memory would start over within the dedupe window.
		msgs = append(msgs, event.Recorded(e, "ledger", int(now.UnixMilli()), ""))
	}
	for _, id := range due {
		if !still[id] {
			plan.Settled(id)
		}
	}
	if len(msgs) == 0 {
		return nil
	}
	if err := r.Bus.PublishAll(ctx, msgs); err != nil {
		return err
	}
	for _, s := range lost {
		plan.Tried(s.SaleID, now)
		r.Repaired.Inc()
	}
	r.Log.Warn("lost sales are published again", "sales", len(lost), "open", plan.Open(), "oldest_sale_id", lost[0].SaleID)
	return nil
}

type windowRow struct {
	SaleID       string
	RecordedAtUs int64
	Missing      bool
}

// search moves the plan's mark up to the sales recorded before a time, or as far as the plan has room.
func (r *Reconciler) search(ctx context.Context, session *pgx.Conn, plan *Plan, before time.Time) error {
	for plan.Room() > 0 {
		limit := min(windowRows, plan.Room())
		rows, err := session.Query(ctx, windowSQL, pgx.NamedArgs{
			"after_us": plan.Mark().RecordedAtMicros, "after_id": plan.Mark().SaleID, "before_us": before.UnixMicro(), "rows": limit,
		})
		if err != nil {
			return db.Fault("look for lost sales", err)
		}
		window, err := pgx.CollectRows(rows, pgx.RowToStructByName[windowRow])
		if err != nil {
			return db.Fault("look for lost sales", err)
		}
		if len(window) == 0 {
			return nil
		}
		var missing []string
		for _, row := range window {
			if row.Missing {
				missing = append(missing, row.SaleID)
			}
		}
		last := window[len(window)-1]
		plan.See(Mark{RecordedAtMicros: last.RecordedAtUs, SaleID: last.SaleID}, missing)
		if len(window) < limit {
			return nil
		}
	}
	return nil
}

// searchReleased finds sales that were parked, released before a time and lost again, or whose release was not published.
func (r *Reconciler) searchReleased(ctx context.Context, session *pgx.Conn, plan *Plan, before time.Time) error {
	rows, err := session.Query(ctx, releasedSQL, pgx.NamedArgs{"before": before, "rows": maxRepair})
	if err != nil {
		return db.Fault("look for released sales", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return db.Fault("look for released sales", err)
	}
	plan.Reopen(ids)
	return nil
}

// pipelineIdle reports whether nothing is on its way to the journal. The order counts: a message between the two durables
// is in the second by the time it has left the first.
func (r *Reconciler) pipelineIdle(ctx context.Context) (bool, error) {
	for _, d := range []struct{ stream, durable string }{
		{stream.SalesRecorded, stream.DurablePricing}, {stream.SalesPriced, stream.DurableAnchor},
	} {
		consumer, err := r.Bus.JS.Consumer(ctx, d.stream, d.durable)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			return false, nil // its service never ran: everything in the stream waits for it
		}
		if err != nil {
			return false, fault.New(fault.Transient, "look at durable %s: %w", d.durable, err)
		}
		info := consumer.CachedInfo() // of this moment, JS.Consumer asked for it
		if info.NumPending > 0 || info.NumAckPending > 0 {
			return false, nil
		}
	}
	return true, nil
}
