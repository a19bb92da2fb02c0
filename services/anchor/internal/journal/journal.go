// Package journal is the anchor's memory in Postgres: what it means to do is written here before it is done. All rows are
// facts that stay; only the lease moves.
package journal

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

//go:embed sql/*.sql
var files embed.FS

func statement(name string) string {
	text, err := files.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err) // embedded at build time
	}
	return string(text)
}

var (
	insertRates       = statement("insert_rates")
	insertLeaves      = statement("insert_leaves")
	known             = statement("known")
	journaled         = statement("journaled")
	lastRate          = statement("last_rate")
	insertReference   = statement("insert_reference")
	takeLease         = statement("take_lease")
	deployments       = statement("deployments")
	chains            = statement("chains")
	insertDeployment  = statement("insert_deployment")
	insertAttempt     = statement("insert_attempt")
	attempts          = statement("attempts")
	current           = statement("current")
	openBatches       = statement("open_batches")
	lastBatch         = statement("last_batch")
	oldestLeaf        = statement("oldest_leaf")
	startFloor        = statement("start_floor")
	announcedFloor    = statement("announced_floor")
	waiting           = statement("waiting")
	countWaiting      = statement("count_waiting")
	insertBatch       = statement("insert_batch")
	insertBatchLeaves = statement("insert_batch_leaves")
	insertEvent       = statement("insert_event")
	unannounced       = statement("unannounced")
	stillLatest       = statement("still_latest")
	insertAnnounced   = statement("insert_announced")
	batchLeaves       = statement("batch_leaves")
	batchPage         = statement("batch_page")
	batchHistory      = statement("batch_history")
)

// Settings of every session: a statement that hangs must not hold the lease's row for longer than a takeover.
var sessionSettings = map[string]string{
	"application_name":                    "tillseal anchor",
	"statement_timeout":                   "30s",
	"lock_timeout":                        "5s",
	"idle_in_transaction_session_timeout": "5s",
}

const (
	maxConns       = 8                // intake, step, announce, watch and reads of one replica
	connectTimeout = 5 * time.Second  // for a new session
	callLimit      = 35 * time.Second // for one call, a whole transaction: longer than statement_timeout, for a Postgres that does not answer at all
)

// Journal is safe for concurrent use. Every error it returns has a kind: Transient while Postgres is away, Conflict where
// another took the lease or the state moved on, Invalid for data that can't be journaled.
type Journal struct {
	pool  *pgxpool.Pool
	limit time.Duration // callLimit, but for tests
}

// Open returns at once; a Postgres that is away is waited for by the calls.
func Open(ctx context.Context, url config.Secret) (*Journal, error) {
	cfg, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil {
		return nil, fault.New(fault.Invalid, "DB_URL is not a Postgres URL") // the cause may quote the password
	}
	cfg.MaxConns = maxConns
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	maps.Copy(cfg.ConnConfig.RuntimeParams, sessionSettings)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fault.New(fault.Invalid, "DB_URL can't be used") // as above
	}
	return &Journal{pool: pool, limit: callLimit}, nil
}

// Close ends all sessions.
func (j *Journal) Close() { j.pool.Close() }

// bounded limits what one call to the journal takes.
func (j *Journal) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, j.limit)
}

// inTx runs do in a transaction; ctx is bounded.
func (j *Journal) inTx(ctx context.Context, what string, do func(pgx.Tx) error) error {
	return kinded(what, pgx.BeginFunc(ctx, j.pool, do))
}

// kinded gives an error of Postgres its kind: data that can't be stored is Invalid (SQLSTATE classes 22 and 23), a
// key that is taken a Conflict, and whatever else happened may pass.
func kinded(what string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s: %w", what, err)
	if fault.KindOf(err) != fault.Unknown {
		return wrapped
	}
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg) || len(pg.Code) != 5:
	case pg.Code == "23505":
		return fault.As(fault.Conflict, wrapped)
	case pg.Code[:2] == "22" || pg.Code[:2] == "23":
		return fault.As(fault.Invalid, wrapped)
	}
	return fault.As(fault.Transient, wrapped)
}

// guarded executes a statement that holds its own guard: exactly one row, or the world moved on.
func guarded(ctx context.Context, tx pgx.Tx, sql string, args pgx.NamedArgs) error {
	tag, err := tx.Exec(ctx, sql, args)
	if err == nil && tag.RowsAffected() != 1 {
		return fault.New(fault.Conflict, "the lease or the state moved on")
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
