package reconcile

import (
	"context"
	_ "embed" // the statements
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/ledger/internal/republish"
	"github.com/tillseal/tillseal/shared/postgres"
)

var (
	//go:embed sql/closings_search.sql
	closingsSearchSQL string
	//go:embed sql/closings_close.sql
	closingsCloseSQL string
	//go:embed sql/closings_take.sql
	closingsTakeSQL string
	//go:embed sql/closings_shelve.sql
	closingsShelveSQL string
	//go:embed sql/closings_unshelve.sql
	closingsUnshelveSQL string
)

// Limits of closings.
const (
	closingsAtOnce     = 500    // of one statement, the limit in closings_search.sql
	maxClosingsOpen    = 10_000 // closings that are found ahead of their publishing; while there are more the mark waits
	maxClosingsSending = 500    // closings in flight at once: some megabytes, and one batch of the durable that reads them
)

// reclose finds closings that have not reached the ledger and publishes those that are due; more reports whether some were left for the
// next tick.
func (l *leader) reclose(ctx context.Context, now time.Time) (more bool, err error) {
	due := l.due(&l.closings, now)
	var open, inFlight int
	if err := l.session.QueryRow(ctx, closingsCloseSQL, pgx.NamedArgs{"clear": l.closings.Clear()}).Scan(&open, &inFlight); err != nil {
		return false, postgres.Fault("close what has arrived of closings", err)
	}
	for name, before := range map[string]time.Time{markClosings: due.Add(-l.RepairAfter), markClosingsAgain: due.Add(-l.RepairAfter - searchAgain)} {
		further, found, err := l.searchClosings(ctx, name, before, maxClosingsOpen-open)
		if err != nil {
			return false, err
		}
		open, more = open+found, more || further
	}
	l.Metrics.Missing.Set(number(open))
	room := maxClosingsSending - inFlight
	switch {
	case open == 0:
		return more, nil
	case room <= 0:
		return now.Sub(l.closings.Clear()) < l.RepairAfter, nil // the next tick comes soon, unless the ledger does not read them
	}
	taken, err := l.publishClosings(ctx, now, due, room)
	return more || taken == room, err
}

// searchClosings moves the mark of a search up to the closings before a time, as search does for sales.
func (l *leader) searchClosings(ctx context.Context, name string, before time.Time, room int) (further bool, found int, err error) {
	for range searchesAtOnce {
		if found >= room {
			return false, found, nil
		}
		var seen, lost int
		var position *int64
		err := l.session.QueryRow(ctx, closingsSearchSQL, pgx.NamedArgs{
			"look": name, "after_us": l.marks[name].Position, "before_us": before.UnixMicro(), "repair_after": l.RepairAfter,
		}).Scan(&seen, &lost, &position)
		if err != nil {
			return false, found, postgres.Fault("search for closings that did not arrive", err)
		}
		if position != nil {
			l.marks[name] = mark{Position: *position}
		}
		if found += lost; seen < closingsAtOnce {
			return false, found, nil
		}
	}
	return true, found, nil
}

// publishClosings publishes what is due; the intent is written first, as in publish.
func (l *leader) publishClosings(ctx context.Context, now, due time.Time, room int) (taken int, err error) {
	rows, err := l.session.Query(ctx, closingsTakeSQL, pgx.NamedArgs{"due": due, "now": now, "first": l.RepairAfter, "longest": maxDelay, "rows": room})
	if err != nil {
		return 0, postgres.Fault("take closings", err)
	}
	lost, err := pgx.CollectRows(rows, pgx.RowToStructByName[republish.Closing])
	if err != nil || len(lost) == 0 {
		return 0, postgres.Fault("take closings", err)
	}
	msgs, tooLarge := l.Publisher.SiftClosings(lost)
	if err := l.shelve(ctx, tooLarge); err != nil || len(msgs) == 0 {
		return len(lost), err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	if err := l.Publisher.PublishClosings(ctx, msgs); err != nil {
		return len(lost), err
	}
	l.Metrics.Reclosed.Add(number(len(msgs)))
	l.Log.Warn("closings had not reached the ledger and were published again", "closings", len(msgs), "oldest_terminal_id", lost[0].Chain,
		"oldest_closing_number", lost[0].Number, "generation", lost[0].Generation)
	return len(lost), nil
}

// shelve has closings that NATS does not take wait for the next leader.
func (l *leader) shelve(ctx context.Context, tooLarge []republish.Closing) error {
	if len(tooLarge) == 0 {
		return nil
	}
	chains, numbers := make([]string, len(tooLarge)), make([]int64, len(tooLarge))
	for i, c := range tooLarge {
		chains[i], numbers[i] = c.Chain, c.Number
	}
	_, err := l.session.Exec(ctx, closingsShelveSQL, pgx.NamedArgs{"chains": chains, "numbers": numbers})
	return postgres.Fault("shelve closings that are too large", err)
}
