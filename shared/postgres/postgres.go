// Package postgres is how a service reaches Postgres: one way to open a pool, one table of what the server's errors mean, and one lock that
// makes one of many replicas the leader.
package postgres

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// Limits are those of a service's sessions. The server applies its three to each statement and transaction, and ends what exceeds them, even
// while the service is frozen. None may be zero: Postgres takes that for "no limit".
type Limits struct {
	Service           string // shown in pg_stat_activity as "tillseal <service>", unless the URL has an application_name
	MaxConns          int32
	Connect           time.Duration // for a new connection
	Lock              time.Duration // lock_timeout
	Statement         time.Duration // statement_timeout
	IdleInTransaction time.Duration // idle_in_transaction_session_timeout

	// Prepare, when set, is run on each new connection, within Connect.
	Prepare func(ctx context.Context, conn *pgx.Conn) error
	// TrustIdle hands out an idle connection without a ping: the caller finds out whether it is alive, within its own time limit.
	TrustIdle bool
	// Lookups says that every statement is a bounded number of look-ups by an index, whatever its arguments. It is planned once a session, which
	// takes longer than running it, and without reading whole tables: the planner may have taken them for empty ones.
	Lookups bool
}

// lookups keep the planner to indexes that have the whole of an order, and to nested loops, and a session to its plans. Half an order, completed by
// a sort, can take reading a whole table for a page of it.
var lookups = map[string]string{
	"plan_cache_mode": "force_generic_plan", "jit": "off",
	"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	"enable_incremental_sort": "off",
}

const applicationName = "application_name"

// Open makes a pool without connecting: a service starts although Postgres is unavailable, and its first statement fails. A url that can't be
// used is an Invalid fault, which does not quote it: it may hold a password.
func Open(ctx context.Context, url config.Secret, limits Limits) (*pgxpool.Pool, error) {
	if err := config.CheckPostgresURL("DB_URL", url); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil {
		return nil, fault.New(fault.Invalid, "DB_URL is not a Postgres URL")
	}
	cfg.MaxConns = limits.MaxConns
	cfg.ConnConfig.ConnectTimeout = limits.Connect
	parameters := cfg.ConnConfig.RuntimeParams
	for name, limit := range map[string]time.Duration{
		"lock_timeout": limits.Lock, "statement_timeout": limits.Statement, "idle_in_transaction_session_timeout": limits.IdleInTransaction,
	} {
		parameters[name] = strconv.FormatInt(limit.Milliseconds(), 10)
	}
	if limits.Lookups {
		maps.Copy(parameters, lookups)
	}
	if parameters[applicationName] == "" {
		parameters[applicationName] = "tillseal " + limits.Service
	}
	if limits.TrustIdle {
		cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	}
	if limits.Prepare != nil {
		cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, limits.Connect) // the pool sets none
			defer cancel()
			return limits.Prepare(ctx, conn)
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fault.New(fault.Invalid, "DB_URL can't be used")
	}
	return pool, nil
}
