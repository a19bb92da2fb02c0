// Package book writes down what the pipeline says: anchored sales, batches, parked messages. Rows move only forward, so that
// a message may come any number of times and in any order.
package book

import (
	"context"
	_ "embed" // the statements
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/services/ledger/internal/db"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed anchored.sql
var anchoredSQL string

//go:embed batches.sql
var batchesSQL string

//go:embed parked.sql
var parkedSQL string

// Book writes to schema ledger.
type Book struct{ pool *pgxpool.Pool }

// New makes a book over a pool of role ledger.
func New(pool *pgxpool.Pool) *Book { return &Book{pool: pool} }

// MaxBatch bounds the messages of one statement: enough to share its commit, and few enough to write one by one when one
// of them is refused.
const MaxBatch = 500

// Anchored handles deliveries of SALES_ANCHORED.
func (b *Book) Anchored(ctx context.Context, batch []stream.Message) []error {
	return keep(ctx, batch, readAnchored, func(ctx context.Context, rows []anchored) error {
		return b.write(ctx, "write anchored sales", anchoredSQL, anchoredColumns(rows))
	})
}

// Batches handles deliveries of BATCHES.
func (b *Book) Batches(ctx context.Context, batch []stream.Message) []error {
	return keep(ctx, batch, readBatch, func(ctx context.Context, rows []batchStep) error {
		return b.write(ctx, "write batches", batchesSQL, batchColumns(rows))
	})
}

// Parked handles deliveries of SALES_DLQ. It never returns Invalid: that would park a parked message, for ever round.
func (b *Book) Parked(ctx context.Context, batch []stream.Message) []error {
	errs := keep(ctx, batch, readParked, func(ctx context.Context, rows []parked) error {
		return b.write(ctx, "write parked messages", parkedSQL, parkedColumns(rows))
	})
	for i, err := range errs {
		if fault.Is(err, fault.Invalid) {
			errs[i] = fault.As(fault.Unknown, err)
		}
	}
	return errs
}

func (b *Book) write(ctx context.Context, what, statement string, columns pgx.NamedArgs) error {
	_, err := b.pool.Exec(ctx, statement, columns)
	return db.Fault(what, err)
}

// keep reads every message and writes all rows in one statement. When the data of one is refused they are written one by
// one, so that it harms no other.
func keep[T any](ctx context.Context, batch []stream.Message, read func(stream.Message) (T, error), write func(context.Context, []T) error) []error {
	errs := make([]error, len(batch))
	rows, places := make([]T, 0, len(batch)), make([]int, 0, len(batch))
	for i, msg := range batch {
		row, err := read(msg)
		if err != nil {
			errs[i] = err
			continue
		}
		rows, places = append(rows, row), append(places, i)
	}
	if len(rows) == 0 {
		return errs
	}
	err := write(ctx, rows)
	for i, place := range places {
		errs[place] = err
		if fault.Is(err, fault.Invalid) && len(rows) > 1 {
			errs[place] = write(ctx, rows[i:i+1])
		}
	}
	return errs
}

// column collects one field of all rows, as unnest takes it.
func column[T, V any](rows []T, field func(T) V) []V {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = field(row)
	}
	return values
}

func parseTime(text, member string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fault.New(fault.Invalid, "%s is not a time of RFC 3339", member)
	}
	return at, nil
}
