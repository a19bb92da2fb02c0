// Package journal is the anchor's memory in Postgres: what it means to do is written here before it is done. All rows are
// facts that stay; only the lease moves.
package journal

import (
	"context"
	"log/slog"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Limits of the sessions: a statement that hangs must not hold the lease's row for longer than a takeover.
const (
	maxConns       = 8 // intake, step, announce, watch and reads of one replica
	connectLimit   = 5 * time.Second
	lockLimit      = 5 * time.Second
	statementLimit = 30 * time.Second
	idleLimit      = 5 * time.Second
	leaseLimit     = 5 * time.Second  // for the lease's row, once its lock is held
	callLimit      = 35 * time.Second // for one call, a whole transaction: above statementLimit, for a Postgres that does not answer at all
)

// Journal is safe for concurrent use. Its errors are Transient while Postgres is unavailable, Conflict where another anchor took the
// lease or the state has changed, Invalid for data that can't be journaled, and Unknown for what only an operator can fix.
type Journal struct {
	pool  *pgxpool.Pool
	limit time.Duration // of one call
}

// Open returns at once; while Postgres is unavailable, the calls fail.
func Open(ctx context.Context, url config.Secret) (*Journal, error) {
	pool, err := postgres.Open(ctx, url, postgres.Limits{
		Service: "anchor", MaxConns: maxConns, Connect: connectLimit, Lock: lockLimit, Statement: statementLimit, IdleInTransaction: idleLimit,
	})
	if err != nil {
		return nil, err
	}
	return &Journal{pool: pool, limit: callLimit}, nil
}

// Await returns once Postgres answers, or ctx's error when ctx ends before.
func (j *Journal) Await(ctx context.Context, log *slog.Logger) error {
	return postgres.Await(ctx, j.pool, log)
}

// Close ends all sessions.
func (j *Journal) Close() { j.pool.Close() }

// bounded limits what one call to the journal takes.
func (j *Journal) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, j.limit)
}

// inTx runs do in a transaction; ctx is bounded.
func (j *Journal) inTx(ctx context.Context, what string, do func(pgx.Tx) error) error {
	return postgres.Fault(what, pgx.BeginFunc(ctx, j.pool, do))
}

// guarded executes a statement that contains its own guard: it affects exactly one row, or the lease or the state has changed.
func guarded(ctx context.Context, tx pgx.Tx, sql string, args pgx.NamedArgs) error {
	tag, err := tx.Exec(ctx, sql, args)
	if err == nil && tag.RowsAffected() != 1 {
		return fault.New(fault.Conflict, "the lease or the batch's state has changed meanwhile")
	}
	return err
}

func wei(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		panic("journal: numeric(78,0) reads as " + text)
	}
	return n
}

// amount writes wei for a numeric column.
func amount(n *big.Int) string { return n.String() }
