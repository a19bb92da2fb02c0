// Package book writes down what the pipeline announces: anchored sales, batches, closings, parked messages. Rows only move forward, so a
// message may be delivered any number of times and in any order.
package book

import (
	"cmp"
	"context"
	_ "embed" // the statements
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed sql/anchored.sql
var anchoredSQL string

//go:embed sql/batches.sql
var batchesSQL string

//go:embed sql/closed.sql
var closedSQL string

//go:embed sql/parked.sql
var parkedSQL string

// Book writes to schema ledger.
type Book struct {
	pool   *pgxpool.Pool
	log    *slog.Logger
	forged *prometheus.CounterVec
}

// said is a kind of message that is written down only where Postgres bears it out.
type said struct {
	what      string // a label of the metric
	statement string // writes, and returns the indexes of what is contradicted
	reason    string // why one of those is parked
	alarm     string
}

const journalAlarm = "ALARM: messages in the anchor's name contradict its journal: they are forged, or the journal was changed"

var (
	ofAnchored = said{"sale_anchored", anchoredSQL, "the anchor's journal has no such sale_anchored", journalAlarm}
	ofBatch    = said{"batch", batchesSQL, "the anchor's journal has no such batch", journalAlarm}
	ofClosing  = said{
		"sales_closed", closedSQL, "the gateway stored no such closing",
		"ALARM: messages about closings contradict what the gateway stored: they are forged, or a closing was changed",
	}
)

// New makes a book over a pool of role ledger and registers its metrics.
func New(pool *pgxpool.Pool, log *slog.Logger, metrics prometheus.Registerer) *Book {
	b := &Book{pool: pool, log: log, forged: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tillseal_ledger_forged_total",
		Help: "Messages in the anchor's name that its journal contradicts, and closings that are not what the gateway stored: an alarm.",
	}, []string{"what"})}
	for _, s := range []said{ofAnchored, ofBatch, ofClosing} {
		b.forged.WithLabelValues(s.what)
	}
	metrics.MustRegister(b.forged)
	return b
}

// MaxBatch bounds the messages of one statement: enough to share its commit, and few enough to write one by one when one
// of them is refused.
const MaxBatch = 500

// Anchored handles deliveries of SALES_ANCHORED. One that the anchor's journal contradicts is Forged.
func (b *Book) Anchored(ctx context.Context, batch []stream.Message) []error {
	return keep(ctx, batch, readAnchored, func(ctx context.Context, rows []anchored) ([]error, error) {
		return b.writeBorneOut(ctx, ofAnchored, anchoredColumns(rows), len(rows))
	})
}

// Batches handles deliveries of BATCHES, likewise.
func (b *Book) Batches(ctx context.Context, batch []stream.Message) []error {
	return keep(ctx, batch, readBatch, func(ctx context.Context, rows []event.Batch) ([]error, error) {
		return b.writeBorneOut(ctx, ofBatch, batchColumns(rows), len(rows))
	})
}

// Parked handles deliveries of SALES_DLQ. It never returns Invalid: that would park a parked message again, in an endless circle.
func (b *Book) Parked(ctx context.Context, batch []stream.Message) []error {
	errs := keep(ctx, batch, readParked, func(ctx context.Context, rows []parked) ([]error, error) {
		_, err := b.pool.Exec(ctx, parkedSQL, parkedColumns(rows))
		return make([]error, len(rows)), postgres.Fault("write parked messages", err)
	})
	for i, err := range errs {
		if fault.Is(err, fault.Invalid) {
			errs[i] = fault.WithKind(fault.Unknown, err)
		}
	}
	return errs
}

// writeBorneOut writes the rows that Postgres has from their writer itself, and returns a Forged error for each that it has not.
func (b *Book) writeBorneOut(ctx context.Context, s said, columns pgx.NamedArgs, rows int) ([]error, error) {
	each := make([]error, rows)
	found, err := b.pool.Query(ctx, s.statement, columns)
	if err != nil {
		return each, postgres.Fault("write down "+s.what, err)
	}
	contradicted, err := pgx.CollectRows(found, pgx.RowTo[int])
	if err != nil {
		return each, postgres.Fault("write down "+s.what, err)
	}
	for _, i := range contradicted {
		b.forged.WithLabelValues(s.what).Inc()
		each[i] = fault.New(fault.Forged, "forged: %s", s.reason)
	}
	if len(contradicted) > 0 {
		b.log.Error(s.alarm, "what", s.what, "messages", len(contradicted)) //nolint:sloglint // a constant of the kind's
	}
	return each, nil
}

// keep reads every message and writes all rows in one statement, which returns what is wrong with each. When the data of one is refused
// they are written one by one, so that it does not hold up the others.
func keep[T any](
	ctx context.Context, batch []stream.Message, read func(stream.Message) (T, error), write func(context.Context, []T) (each []error, all error),
) []error {
	errs := make([]error, len(batch))
	rows, indexes := make([]T, 0, len(batch)), make([]int, 0, len(batch))
	for i, msg := range batch {
		row, err := read(msg)
		if err != nil {
			errs[i] = err
			continue
		}
		rows, indexes = append(rows, row), append(indexes, i)
	}
	if len(rows) == 0 {
		return errs
	}
	each, err := write(ctx, rows)
	for i, index := range indexes {
		errs[index] = cmp.Or(err, each[i])
		if fault.Is(err, fault.Invalid) && len(rows) > 1 {
			alone, err := write(ctx, rows[i:i+1])
			errs[index] = cmp.Or(err, alone[0])
		}
	}
	return errs
}

func parseTime(text, member string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fault.New(fault.Invalid, "%s is not an RFC 3339 time", member)
	}
	return at, nil
}
