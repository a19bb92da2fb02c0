package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const soon = 20 * time.Second

func open(t *testing.T, dbURL string, adjust ...func(*postgres.Limits)) *pgxpool.Pool {
	t.Helper()
	limits := postgres.Limits{
		Service: "test", MaxConns: 4, Connect: 5 * time.Second,
		Lock: 200 * time.Millisecond, Statement: 400 * time.Millisecond, IdleInTransaction: 5 * time.Second,
	}
	for _, f := range adjust {
		f(&limits)
	}
	pool, err := postgres.Open(t.Context(), config.Secret(dbURL), limits)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func shown(t *testing.T, pool *pgxpool.Pool, setting string) (value string) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value))
	return value
}

func TestASessionHasItsLimitsAndItsName(t *testing.T) {
	db := testkit.Database(t)
	pool := open(t, db.Gateway)
	for setting, want := range map[string]string{
		"lock_timeout": "200ms", "statement_timeout": "400ms", "idle_in_transaction_session_timeout": "5s", "application_name": "tillseal test",
	} {
		require.Equal(t, want, shown(t, pool, setting), setting)
	}
	named, err := url.Parse(db.Gateway)
	require.NoError(t, err)
	query := named.Query()
	query.Set("application_name", "till-7")
	query.Set("lock_timeout", "1h") // the URL may not set what would hold up a till
	named.RawQuery = query.Encode()
	pool = open(t, named.String())
	require.Equal(t, "till-7", shown(t, pool, "application_name"))
	require.Equal(t, "200ms", shown(t, pool, "lock_timeout"))
}

func TestAURLThatCantBeUsedIsNotShown(t *testing.T) {
	for _, bad := range []string{
		"", "redis://u:hunter2@h/0", "postgres://u:hunter2@h:port/d", "postgres://u:hunter2@h/d?sslmode=perhaps", "postgres://u:hunter2@h/d?pool_max_conns=many",
	} {
		_, err := postgres.Open(t.Context(), config.Secret(bad), postgres.Limits{MaxConns: 1})
		require.True(t, fault.Is(err, fault.Invalid), "%q: %v", bad, err)
		require.ErrorContains(t, err, "DB_URL")
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestANewConnectionIsPreparedAndOneThatCantBeIsNotHandedOut(t *testing.T) {
	var refuse error
	pool := open(t, testkit.Database(t).Gateway, func(l *postgres.Limits) {
		l.MaxConns = 1
		l.Prepare = func(ctx context.Context, conn *pgx.Conn) error {
			_, ends := ctx.Deadline()
			require.True(t, ends)
			_, err := conn.Exec(ctx, "SET application_name = 'prepared'")
			return errors.Join(err, refuse)
		}
	})
	require.Equal(t, "prepared", shown(t, pool, "application_name"))
	refuse = errors.New("not this one")
	pool.Reset()
	require.ErrorIs(t, pool.Ping(t.Context()), refuse)
}

func TestAnIdleConnectionIsAskedWhetherItIsAliveUnlessItIsTrusted(t *testing.T) {
	db := testkit.Database(t)
	for _, trusted := range []bool{false, true} {
		pool := open(t, db.Gateway, func(l *postgres.Limits) { l.TrustIdle = trusted })
		idle := pgxpool.ShouldPingParams{IdleDuration: time.Hour}
		asks := pool.Config().ShouldPing
		require.Equal(t, !trusted, asks == nil || asks(t.Context(), idle))
	}
}

func TestEverySQLSTATEHasOneKindForAllServices(t *testing.T) {
	for code, want := range map[string]fault.Kind{
		"21000": fault.Invalid, "22001": fault.Invalid, "22012": fault.Invalid, "23503": fault.Invalid, "23514": fault.Invalid,
		"23505": fault.Conflict,
		"08006": fault.Transient, "0A000": fault.Transient, "26000": fault.Transient,
		"25006": fault.Transient, "25P03": fault.Transient, "28P01": fault.Transient, "3D000": fault.Transient,
		"40001": fault.Transient, "40P01": fault.Transient, "53300": fault.Transient,
		"55P03": fault.Transient, "57014": fault.Transient,
		"57P01": fault.Transient, "58030": fault.Transient,
		"25P02": fault.Unknown, "42501": fault.Unknown, "42P01": fault.Unknown, "P0001": fault.Unknown, "XX000": fault.Unknown, "": fault.Unknown,
	} {
		err := fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: "the answer"})
		require.Equal(t, want, fault.KindOf(postgres.Fault("try", err)), code)
	}
	own := postgres.Kinds{"40": fault.Conflict, "55P03": fault.Conflict}
	for code, want := range map[string]fault.Kind{
		"40001": fault.Conflict, "55P03": fault.Conflict, "55006": fault.Transient, "57014": fault.Transient, "23505": fault.Conflict, "42501": fault.Unknown,
	} {
		require.Equal(t, want, fault.KindOf(own.Fault("try", &pgconn.PgError{Code: code})), code)
	}
}

func TestAnErrorThatIsNotPostgressKeepsItsKindOrIsTransient(t *testing.T) {
	require.NoError(t, postgres.Fault("try", nil))
	ours := fault.New(fault.Conflict, "the lease moved on: %w", context.DeadlineExceeded)
	kept := postgres.Fault("seal a batch", ours)
	require.True(t, fault.Is(kept, fault.Conflict))
	require.EqualError(t, kept, "seal a batch: the lease moved on: context deadline exceeded")
	for _, err := range []error{io.ErrUnexpectedEOF, context.DeadlineExceeded, context.Canceled} {
		got := postgres.Fault("read a sale", err)
		require.True(t, fault.Is(got, fault.Transient), "%v", err)
		require.ErrorIs(t, got, err)
		require.ErrorContains(t, got, "read a sale: ")
	}
}

func TestAMissingGrantIsSaidInPostgressWordsAndARowNever(t *testing.T) {
	pool := open(t, testkit.Database(t).Ledger)
	_, err := pool.Exec(t.Context(), "DELETE FROM sales.sale")
	err = postgres.Fault("forget", err)
	require.Equal(t, fault.Unknown, fault.KindOf(err))
	require.EqualError(t, err, "forget: Postgres answered 42501: permission denied for table sale")
	_, err = pool.Exec(t.Context(), "SELECT 'C-1001'::int")
	err = postgres.Fault("read", err)
	require.True(t, fault.Is(err, fault.Invalid))
	require.EqualError(t, err, "read: Postgres answered 22P02")
}

func TestWhoLeadsLeadsAloneUntilItsSessionEnds(t *testing.T) {
	db := testkit.Database(t)
	pool := open(t, db.Anchor)
	const try = "SELECT anchor.try_acting()"
	first, err := postgres.TakeLead(t.Context(), pool, "lease", try)
	require.NoError(t, err)
	defer first.Release(t.Context())
	require.NoError(t, first.Check(t.Context()))
	for setting, want := range map[string]string{
		"application_name": "tillseal test lease", "tcp_keepalives_idle": "2", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "2",
		"tcp_user_timeout": "6000", // ms
	} {
		var value string
		require.NoError(t, first.Session.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value))
		require.Equal(t, want, value, "%s: a machine that vanishes frees the lock", setting)
	}

	_, err = postgres.TakeLead(t.Context(), pool, "lease", try)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	_, err = postgres.TakeLead(t.Context(), pool, "lease", "SELECT ledger.try_reconciling()")
	require.Equal(t, fault.Unknown, fault.KindOf(err), "another role's lock: %v", err)

	_, err = open(t, db.Admin).Exec(t.Context(), "SELECT pg_terminate_backend($1)", first.Session.PgConn().PID())
	require.NoError(t, err)
	require.True(t, fault.Is(first.Check(t.Context()), fault.Conflict))
	var second *postgres.Lead
	testkit.Eventually(t, soon, "another leads", func() (err error) {
		second, err = postgres.TakeLead(t.Context(), pool, "lease", try)
		return err
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	second.Release(ended)
	testkit.Eventually(t, soon, "a third leads", func() error {
		third, err := postgres.TakeLead(t.Context(), pool, "lease", try)
		if err == nil {
			third.Release(t.Context())
		}
		return err
	})
	require.Zero(t, pool.Stat().AcquiredConns(), "a leader's session is its own")
}

func TestPostgresIsAwaited(t *testing.T) {
	own := testkit.OwnPostgres(t)
	pool := open(t, testkit.Migrated(t, own).Gateway)
	require.NoError(t, own.Kill())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, postgres.Await(ended, pool, slog.New(slog.DiscardHandler)), context.Canceled)
	var log testkit.Log
	answered := make(chan error, 1)
	go func() { answered <- postgres.Await(t.Context(), pool, slog.New(slog.NewTextHandler(&log, nil))) }()
	testkit.Eventually(t, soon, "some tries have failed", func() error {
		if n := pool.Stat().NewConnsCount() + pool.Stat().CanceledAcquireCount() + pool.Stat().EmptyAcquireCount(); n < 3 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	require.NoError(t, own.Restart(t.Context()))
	require.NoError(t, <-answered)
	require.Equal(t, 1, strings.Count(log.String(), "waiting for Postgres"), "%s", log.String())
}

func TestAColumnHasOneFieldOfAllRows(t *testing.T) {
	type row struct{ id int }
	require.Equal(t, []int{7, 9}, postgres.Column([]row{{7}, {9}}, func(r *row) int { return r.id }))
	require.Empty(t, postgres.Column(nil, func(r *row) int { return r.id }))
}
