// Package db is the ledger's way to Postgres: one pool with limits, and one judgement of what an error means.
package db

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// Limits. The ledger is on no till's path, so that a slow database may take its time, but never for ever.
const (
	maxConns         = 12 // three consumers and the reads; the reconciler's session is one of them
	connectTimeout   = 5 * time.Second
	statementTimeout = "15s" // the longest read of the reconciler, many times over
	lockTimeout      = "5s"
	idleInTxTimeout  = "15s"
	keepaliveSeconds = "5"
	keepalives       = "3"
	userTimeout      = "20000" // ms
)

// Open makes a pool without connecting: a Postgres that is away is met by the first statement, as Transient. An unusable url is Invalid.
func Open(ctx context.Context, url config.Secret) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil || url == "" {
		return nil, fault.New(fault.Invalid, "DB_URL is not a Postgres URL") // the cause may quote the password
	}
	cfg.MaxConns = maxConns
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	maps.Copy(cfg.ConnConfig.RuntimeParams, map[string]string{
		"application_name": "tillseal ledger", "statement_timeout": statementTimeout, "lock_timeout": lockTimeout,
		"idle_in_transaction_session_timeout": idleInTxTimeout,
		// A machine that vanishes says no goodbye: its session, and with it the reconciler's lock, ends by these.
		"tcp_keepalives_idle": keepaliveSeconds, "tcp_keepalives_interval": keepaliveSeconds, "tcp_keepalives_count": keepalives,
		"tcp_user_timeout": userTimeout,
	})
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fault.New(fault.Invalid, "DB_URL can't be used")
	}
	return pool, nil
}

// Fault gives a database error its kind: data that Postgres refuses is Invalid, what the next try may pass is Transient, and
// the rest (a missing right or table) stays Unknown: loud, and tried again, since an operator can mend it. Postgres's own
// message and detail can hold a customer's data and are left out.
func Fault(what string, err error) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fault.New(fault.Transient, "%s: %w", what, err) // the connection, or the context
	}
	kind, class := fault.Unknown, pg.Code[:min(2, len(pg.Code))]
	switch {
	case class == "22", class == "23", pg.Code == "21000": // data exception, constraint, two rows for one key
		kind = fault.Invalid
	case strings.Contains(" 08 25 40 53 55 57 58 ", " "+class+" "): // connection, state, rollback, resources, locks, shutdown, system
		kind = fault.Transient
	}
	return fault.New(kind, "%s: Postgres says %s %s", what, pg.Code, pg.ConstraintName)
}
