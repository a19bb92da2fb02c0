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
	eventsAtOnce  = 100              // of one statement, the limit in batches_search.sql
	maxAnnouncing = 4                // batches that the anchor is asked to announce at once: four of the largest are some 700 MB of events
	askTimeout    = 20 * time.Second // more than an endpoint has for its answer
)

// subjectAnnounce is the anchor's request that announces a whole batch again.
const subjectAnnounce = "ops.anchor.batches.announce"

type announceRequest struct {
	Deployment int64  `json:"deployment"`
	BatchID    uint64 `json:"batch_id"`
}

type announceAnswer struct {
	Count int `json:"count"`
}

// announce finds final batches that did not reach the ledger in full and asks the anchor to announce those that are due again; more
// reports whether some were left for the next tick.
func (l *leader) announce(ctx context.Context, now time.Time) (more bool, err error) {
	due := l.due(&l.batches, now)
	if onTheirWay := l.asked.After(l.batches.Clear()) && now.Sub(l.asked) < l.RepairMax; onTheirWay {
		return now.Sub(l.asked) < l.RepairAfter, nil // the next tick comes soon, for when they arrive
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

// ask has the anchor announce one batch again. If it can't or won't, the batch is due again after its delay.
func (l *leader) ask(ctx context.Context, batch announceRequest) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	announced, err := stream.Ask[announceAnswer](ctx, l.Bus, subjectAnnounce, batch)
	if err != nil {
		l.Log.Error("a final batch has not reached the ledger, and the anchor did not announce it again", "deployment", batch.Deployment,
			"batch_id", batch.BatchID, "error", err)
		return
	}
	l.Metrics.Reannounced.Inc()
	l.Log.Warn("a final batch had not reached the ledger, and the anchor announced it again", "deployment", batch.Deployment, "batch_id", batch.BatchID,
		"sales", announced.Count)
}

func (l *leader) searchBatches(ctx context.Context, before time.Time) (full bool, err error) {
	for range searchesAtOnce {
		var seen, lost int
		var position *int64
		err := l.session.QueryRow(ctx, batchesSearchSQL, pgx.NamedArgs{
			"look": markBatches, "after": l.marks[markBatches].Position, "before": before, "repair_after": l.RepairAfter,
		}).Scan(&seen, &lost, &position)
		if err != nil {
			return false, postgres.Fault("search for batches that did not reach the ledger", err)
		}
		if position != nil {
			l.marks[markBatches] = mark{Position: *position}
		}
		if seen < eventsAtOnce {
			return false, nil
		}
	}
	return true, nil
}
