// Package promises finds the oldest promise that is not kept: that of the oldest committed sale in no mined batch, whatever became of it.
// Parking suspends no promise, and neither does an operator who discards a sale (infra/docs/CONTRACT.md, 8).
package promises

import (
	"context"
	_ "embed" // the statements
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/promise"
)

var (
	//go:embed sql/planning.sql
	planningSQL string
	// UnkeptSQL finds the oldest sale in no mined batch; its arguments are from_us and due_us.
	//go:embed sql/unkept.sql
	UnkeptSQL string
	// AdvanceSQL moves the mark behind which every leaf is in a batch; its argument is young.
	//go:embed sql/advance.sql
	AdvanceSQL string
)

const (
	// MaxBroken is up to how many broken promises are counted: whoever has so many looks at the cause, not at the number.
	MaxBroken = 10_000
	// Young is longer than any intake transaction of the anchor, of at most 35 s: a leaf that was invisible for so long never becomes visible.
	Young = time.Minute
	// advances are the statements by which the mark moves at once: at the first start it passes every leaf.
	advances = 50
)

// Cause is what a sale waits for.
type Cause string

// Causes, from the least far to the furthest.
const (
	Parked    Cause = "parked"    // an operator's decision
	Discarded Cause = "discarded" // nothing: an operator gave it up
	Leaf      Cause = "leaf"      // being priced and journaled
	Batch     Cause = "batch"     // being sealed
	Block     Cause = "block"     // its batch being mined, for the first time or again
)

// Sale is a committed one whose promise is not kept yet.
type Sale struct {
	SaleID       string
	TerminalID   string
	RecordNumber int64
	RecordedAt   time.Time
	WaitsFor     Cause
}

// Sight is what Postgres shows at one moment.
type Sight struct {
	Oldest *Sale // nil: every promise is kept
	Broken int   // sales past their anchor_by in no mined batch, counted up to MaxBroken
}

// Querier is a session, or a transaction.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Find reads on a session that plans as planning.sql has it. from is the recorded_at, in microseconds, up to which the caller knows every
// sale to have its leaf, to be parked or to be open in ledger.repair; 0 for no more than the tables tell.
func Find(ctx context.Context, session Querier, from int64, within time.Duration, now time.Time) (Sight, error) {
	var (
		seen     Sight
		sale     Sale
		recorded int64
	)
	err := session.QueryRow(ctx, UnkeptSQL, pgx.NamedArgs{"from_us": from, "due_us": dueMicros(within, now)}).
		Scan(&sale.SaleID, &sale.TerminalID, &sale.RecordNumber, &recorded, &sale.WaitsFor, &seen.Broken)
	if errors.Is(err, pgx.ErrNoRows) {
		return Sight{}, nil
	}
	if err != nil {
		return Sight{}, postgres.Fault("find the oldest promise that is not kept", err)
	}
	sale.RecordedAt, seen.Oldest, seen.Broken = time.UnixMicro(recorded), &sale, min(seen.Broken, MaxBroken)
	return seen, nil
}

// Read is Find in a transaction of its own, for any replica.
func Read(ctx context.Context, pool *pgxpool.Pool, within time.Duration, now time.Time) (seen Sight, err error) {
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if _, err = tx.Exec(ctx, planningSQL); err != nil {
			return err
		}
		seen, err = Find(ctx, tx, 0, within, now)
		return err
	})
	return seen, postgres.Fault("read the promises", err)
}

// Advance moves the mark that Find starts from. One that did not get to the end goes on the next time.
func Advance(ctx context.Context, session Querier) error {
	for range advances {
		var more bool
		if err := session.QueryRow(ctx, AdvanceSQL, pgx.NamedArgs{"young": Young}).Scan(&more); err != nil {
			return postgres.Fault("move the mark of leaves in batches", err)
		}
		if !more {
			return nil
		}
	}
	return nil
}

// dueMicros is the recorded_at before which a sale is past its anchor_by, in Unix microseconds.
func dueMicros(within time.Duration, now time.Time) int64 {
	const second = 1_000_000
	last := now.Unix() - int64(within/time.Second) // a sale of this second is due in the present one
	if now.Nanosecond() > 0 {
		last++
	}
	return last * second
}

// State is how the promises stand.
type State string

// States, from good to bad.
const (
	Kept   State = "kept"   // or not due for long
	Half   State = "half"   // the oldest has half of its time left, or less
	Broken State = "broken" // the oldest is past its anchor_by
)

// State tells how the promises stand at a moment.
func (s Sight) State(within time.Duration, now time.Time) State {
	switch {
	case s.Oldest == nil:
		return Kept
	case now.After(promise.AnchorBy(s.Oldest.RecordedAt, within)):
		return Broken
	case now.Sub(s.Oldest.RecordedAt) >= within/2:
		return Half
	}
	return Kept
}

// Age is how long ago the oldest sale was recorded whose promise is not kept; 0 when there is none.
func (s Sight) Age(now time.Time) time.Duration {
	if s.Oldest == nil {
		return 0
	}
	return max(0, now.Sub(s.Oldest.RecordedAt))
}
