package reconcile

import (
	"context"
	_ "embed" // the statements
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed sql/batches_search.sql
var batchesSearchSQL string

//go:embed sql/batches_take.sql
var batchesTakeSQL string

// Limits of announcements.
const (
	eventsAtOnce  = 100              // of one statement, the limit that stands in batches_search.sql
	maxAnnouncing = 4                // batches that the anchor is asked for at once: four of the largest are some 700 MB of events
	askTimeout    = 20 * time.Second // more than an endpoint has for its answer
)

// subjectAnnounce is the anchor's request that says all of a batch again.
const subjectAnnounce = "ops.anchor.batches.announce"

type announceRequest struct {
	Deployment int64  `json:"deployment"`
	BatchID    uint64 `json:"batch_id"`
}

type announceAnswer struct {
	Count int `json:"count"`
}

// announce finds final batches that did not reach the ledger and asks the anchor for those that are due; more reports whether
// some were left for the next tick.
func (l *leader) announce(ctx context.Context, now time.Time) (more bool, err error) {
	due := l.due(&l.batches, now)
	if onTheirWay := l.asked.After(l.batches.Clear()) && now.Sub(l.asked) < l.RepairMax; onTheirWay {
		return now.Sub(l.asked) < l.RepairAfter, nil // soon again, if they come in
	}
	if more, err = l.searchBatches(ctx, due.Add(-l.RepairAfter)); err != nil {
		return false, err
	}
	rows, err := l.session.Query(ctx, batchesTakeSQL, pgx.NamedArgs{
		"due": due, "now": now, "first": l.RepairAfter, "longest": maxDelay, "rows": maxAnnouncing,
	})
	if err != nil {
		return false, postgres.Fault("take batches to be announced", err)
	}
	type batch struct {
		Deployment, BatchID int64
		Lacking             bool
	}
	batches, err := pgx.CollectRows(rows, pgx.RowToStructByName[batch])
	if err != nil {
		return false, postgres.Fault("take batches to be announced", err)
	}
	for _, b := range batches {
		if b.Lacking {
			l.ask(ctx, announceRequest{Deployment: b.Deployment, BatchID: uint64(b.BatchID)})
			l.asked = time.Now()
		}
	}
	return more || len(batches) == maxAnnouncing, nil
}

// ask lets the anchor announce one batch again. One that it can't or won't announce is due again after its delay.
func (l *leader) ask(ctx context.Context, batch announceRequest) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	said, err := stream.Ask[announceAnswer](ctx, l.Bus, subjectAnnounce, batch)
	if err != nil {
		l.Log.Error("the ledger lacks a final batch and the anchor did not announce it again", "deployment", batch.Deployment,
			"batch_id", batch.BatchID, "error", err)
		return
	}
	l.Metrics.Reannounced.Inc()
	l.Log.Warn("the ledger lacked a final batch and the anchor announced it again", "deployment", batch.Deployment, "batch_id", batch.BatchID,
		"sales", said.Count)
}

func (l *leader) searchBatches(ctx context.Context, before time.Time) (full bool, err error) {
	for range searchesAtOnce {
		var seen, lost int
		var place *int64
		err := l.session.QueryRow(ctx, batchesSearchSQL, pgx.NamedArgs{
			"look": lookBatches, "after": l.marks[lookBatches].Place, "before": before, "repair_after": l.RepairAfter,
		}).Scan(&seen, &lost, &place)
		if err != nil {
			return false, postgres.Fault("look for batches that were not heard", err)
		}
		if place != nil {
			l.marks[lookBatches] = mark{Place: *place}
		}
		if seen < eventsAtOnce {
			return false, nil
		}
	}
	return true, nil
}
