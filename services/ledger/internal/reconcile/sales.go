package reconcile

import (
	"context"
	_ "embed" // the statements
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/ledger/internal/republish"
	"github.com/tillseal/tillseal/shared/postgres"
)

//go:embed sql/search.sql
var searchSQL string

//go:embed sql/close_repaired.sql
var closeRepairedSQL string

//go:embed sql/take.sql
var takeSQL string

// Limits of repairs.
const (
	searchRows  = 2000             // sales of one statement, the limit in search.sql
	maxOpen     = 10_000           // lost sales that are found ahead of their repair; while there are more the mark waits
	maxInFlight = 2000             // repairs in flight at once: a fraction of what the pipeline's durables may have in flight
	maxDelay    = 1 * time.Hour    // between two tries of one sale or batch, however often it was tried
	searchAgain = 1 * time.Hour    // a sale is searched once more so much later: a gateway's clock may have been wrong by minutes
	publishTime = 30 * time.Second // for the repairs of one tick; what was not published is due again after its delay
)

// mark is how far a search has come, as ledger.low_water has it.
type mark struct {
	Position int64 // recorded_at_us of a sale, closed_at_us of a closing, or id of a batch_event
	SaleID   string
}

// Names of the searches in ledger.low_water.
const (
	markSales         = "sales"
	markSalesAgain    = "sales again"
	markBatches       = "batches"
	markClosings      = "closings"
	markClosingsAgain = "closings again"
)

// repair finds lost sales and publishes those that are due; more reports whether some were left for the next tick.
func (l *leader) repair(ctx context.Context, now time.Time) (more bool, err error) {
	due := l.due(&l.sales, now)
	open, inFlight, err := l.closeRepaired(ctx)
	if err != nil {
		return false, err
	}
	for name, before := range map[string]time.Time{markSales: due.Add(-l.RepairAfter), markSalesAgain: due.Add(-l.RepairAfter - searchAgain)} {
		further, found, err := l.search(ctx, name, before, maxOpen-open)
		if err != nil {
			return false, err
		}
		open, more = open+found, more || further
	}
	l.Metrics.Open.Set(number(open))
	room := maxInFlight - inFlight
	switch {
	case open == 0:
		return more, nil
	case room <= 0: // the next tick comes soon, unless the pipeline is stuck
		return now.Sub(l.sales.Clear()) < l.RepairAfter, nil
	}
	taken, err := l.publish(ctx, now, due, room)
	return more || taken == room, err
}

// closeRepaired closes the repairs of sales that no longer need one and counts the rest.
func (l *leader) closeRepaired(ctx context.Context) (open, inFlight int, err error) {
	if err = l.session.QueryRow(ctx, closeRepairedSQL, pgx.NamedArgs{"clear": l.sales.Clear()}).Scan(&open, &inFlight); err != nil {
		return 0, 0, postgres.Fault("close repairs", err)
	}
	return open, inFlight, nil
}

// search moves the mark of a search up to the sales recorded before a time, one statement after the other, for as long as there is
// room for what it finds; further reports that it stopped at the limit of statements.
func (l *leader) search(ctx context.Context, name string, before time.Time, room int) (further bool, found int, err error) {
	for range searchesAtOnce {
		if found >= room {
			return false, found, nil
		}
		var seen, lost int
		var position *int64
		var id *string
		at := l.marks[name]
		err := l.session.QueryRow(ctx, searchSQL, pgx.NamedArgs{
			"look": name, "after_us": at.Position, "after_id": at.SaleID, "before_us": before.UnixMicro(), "repair_after": l.RepairAfter,
		}).Scan(&seen, &lost, &position, &id)
		if err != nil {
			return false, found, postgres.Fault("search for lost sales", err)
		}
		if seen > 0 {
			l.marks[name] = mark{Position: *position, SaleID: *id}
		}
		if found += lost; seen < searchRows {
			return false, found, nil
		}
	}
	return true, found, nil
}

// publish publishes what is due and intact, and parks what was altered; the intent is written first, so that a crash in between costs only
// a delay.
func (l *leader) publish(ctx context.Context, now, due time.Time, room int) (taken int, err error) {
	rows, err := l.session.Query(ctx, takeSQL, pgx.NamedArgs{"due": due, "now": now, "first": l.RepairAfter, "longest": maxDelay, "rows": room})
	if err != nil {
		return 0, postgres.Fault("take repairs", err)
	}
	lost, err := pgx.CollectRows(rows, pgx.RowToStructByName[republish.Sale])
	if err != nil || len(lost) == 0 {
		return 0, postgres.Fault("take repairs", err)
	}
	intact, _, err := l.Publisher.Sift(ctx, l.session, now, lost)
	if err != nil || len(intact) == 0 {
		return len(lost), err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	if err := l.Publisher.Publish(ctx, intact); err != nil {
		return 0, err
	}
	l.Metrics.Repaired.Add(number(len(intact)))
	l.Log.Warn("lost sales were published again", "sales", len(intact), "oldest_sale_id", intact[0].SaleID, "generation", intact[0].Generation)
	return len(lost), nil
}
