package migrate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/schema"
	"github.com/tillseal/tillseal/shared/testkit"
)

const (
	database  = "tillseal"
	password  = "sesame"
	forbidden = "42501" // insufficient_privilege
	integrity = "23"    // the class of broken constraints, which are checked after rights
)

// owned is a Postgres whose database was made as `make run` does it: a superuser makes the roles, role migration the rest.
func owned(t *testing.T) *local.Postgres {
	t.Helper()
	p := testkit.OwnPostgres(t)
	execute(t, p.AdminURL("postgres"), "CREATE DATABASE "+database)
	require.NoError(t, Roles(t.Context(), config.Secret(p.AdminURL(database)), password))
	migrateAs(t, p, p.URL(Owner, password, database))
	return p
}

func migrateAs(t *testing.T, p *local.Postgres, url string) {
	t.Helper()
	require.NoError(t, Run(t.Context(), Config{Admin: config.Secret(url), Gateway: password, Anchor: password, Ledger: password, Auditor: password}))
	for _, role := range schema.Roles {
		execute(t, p.URL(role, password, database), "SELECT 1")
	}
}

func execute(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, err)
}

// Each row is a statement and who may run it; everybody else is refused. services/ledger has a table of every table.
var rights = []struct {
	statement string
	may       []string
}{
	{"SELECT sale_id, request, salt, sale_hash FROM sales.sale", []string{"gateway", "ledger", Owner}},
	{"SELECT sale_id, sale_hash, store_id, currency, total FROM sales.sale", []string{"gateway", "anchor", "ledger", Owner}},
	{"SELECT customer_id FROM sales.sale", []string{"gateway", "ledger", Owner}},
	{"SELECT receipt_token FROM sales.sale", []string{"gateway", Owner}},
	{"SELECT answer FROM sales.sale", []string{"gateway", Owner}},
	{"SELECT * FROM sales.loyalty_account", []string{"gateway", Owner}},
	{"SELECT key_hash FROM sales.terminal_key", []string{"gateway", Owner}},
	{"SELECT * FROM anchor.leaf", []string{"anchor", "ledger", Owner}},
	{"SELECT * FROM anchor.rate_reference", []string{"anchor", Owner}},
	{"SELECT * FROM audit.rate_accepted", []string{"auditor", Owner}},
	{"SELECT * FROM audit.rate", []string{"auditor", "ledger", Owner}},
	{"SELECT * FROM anchor.extent", []string{"anchor", "ledger", Owner}},
	{"SELECT * FROM anchor.log, anchor.deployed, anchor.foreign_batch, anchor.sighting", []string{"anchor", "ledger", Owner}},
	{"INSERT INTO anchor.sighting DEFAULT VALUES", []string{"anchor", Owner}},
	{"UPDATE anchor.log SET root = root", []string{Owner}},
	{"SELECT * FROM audit.batch", []string{"auditor", "ledger", Owner}},
	{"SELECT raw FROM anchor.tx_attempt", []string{"anchor", Owner}},
	{"SELECT * FROM ledger.anchored", []string{"ledger", Owner}},
	{"SELECT * FROM audit.sale", []string{"auditor", "ledger", Owner}},
	{"INSERT INTO sales.sale (chain) VALUES ('t1')", []string{"gateway", Owner}},
	{"INSERT INTO anchor.leaf DEFAULT VALUES", []string{"anchor", Owner}},
	{"INSERT INTO ledger.anchored DEFAULT VALUES", []string{"ledger", Owner}},
	{"UPDATE sales.sale SET total = '0.01'", []string{Owner}},
	{"UPDATE sales.loyalty_entry SET points_delta = 0", []string{Owner}},
	{"UPDATE sales.loyalty_account SET points_balance = 0", []string{"gateway", Owner}},
	{"UPDATE anchor.batch SET root = root", []string{Owner}},
	{"INSERT INTO anchor.rate_reference DEFAULT VALUES", []string{"anchor", Owner}},
	{"UPDATE anchor.rate_reference SET value = '1'", []string{Owner}},
	{"UPDATE anchor.lease SET epoch = epoch + 1", []string{"anchor", Owner}},
	{"UPDATE ledger.parked SET reason = ''", []string{Owner}},
	{"UPDATE ledger.repair SET next_at = NULL", []string{"ledger", Owner}},
	{"DELETE FROM sales.sale", []string{Owner}},
	{"DELETE FROM anchor.announced", []string{Owner}},
	{"DELETE FROM ledger.repair", []string{Owner}},
	{"TRUNCATE sales.key_revocation", []string{Owner}},
	{"ALTER TABLE sales.sale ADD COLUMN note text", []string{Owner}},
	{"DROP VIEW audit.sale", []string{Owner}},
	{"CREATE TABLE sales.mine (n integer)", []string{Owner}},
	{"CREATE TABLE anchor.mine (n integer)", []string{Owner}},
	{"CREATE TABLE public.mine (n integer)", []string{Owner}},
	{"CREATE TEMPORARY TABLE mine (n integer)", []string{Owner}},
	{"CREATE SCHEMA mine", []string{Owner}},
	{"SET LOCAL ROLE migration", []string{Owner}},
	{"ALTER ROLE gateway PASSWORD 'open'", []string{"gateway", Owner}}, // one's own
	{"ALTER ROLE migration SUPERUSER", nil},
	{"COPY sales.sale TO PROGRAM 'cat'", nil},
	{"SELECT pg_read_file('/etc/hostname')", nil},
	// A lock that another holds stops an anchor, the reconciler or a migration: each role takes its own and no other.
	{"SELECT anchor.try_acting()", []string{"anchor", Owner}},
	{"SELECT ledger.try_reconciling()", []string{"ledger", Owner}},
	{"SELECT ledger.try_auditing()", []string{"ledger", Owner}},
	{"SELECT pg_try_advisory_lock(8388354993701151592)", []string{Owner}},
	{"SELECT pg_advisory_lock(8388354993701151592)", nil},
	{"SELECT pg_advisory_xact_lock(8388354993701151592)", []string{Owner}},
	{"SELECT pg_advisory_lock_shared(8388354993701151592)", nil},
	{"SELECT pg_try_advisory_xact_lock_shared(1, 2)", nil},
	{"SELECT pg_advisory_unlock_all()", nil},
	// Who may only read writes nothing elsewhere either.
	{"SELECT lo_create(0)", nil},
	{"SELECT lo_from_bytea(0, 'x')", nil},
	{"SELECT lowrite(0, 'x')", nil},
	{"SELECT pg_logical_emit_message(false, 'x', 'x')", nil},
	{"SELECT pg_create_restore_point('x')", nil},
	{"SELECT pg_switch_wal()", nil},
	{"SELECT pg_create_physical_replication_slot('x')", nil},
	// Nor does it hold others up, or take back what holds it.
	{"SELECT 1 FROM audit.sale FOR SHARE", []string{Owner}},
	{"LOCK TABLE audit.sale IN SHARE MODE", []string{Owner}},
	{"LOCK TABLE sales.sale IN SHARE MODE", []string{Owner}},
	{"SELECT setval('anchor.leaf_seq_seq', 1)", []string{Owner}},
	{"SET LOCAL temp_file_limit = -1", nil},
	{"ALTER ROLE auditor SET temp_file_limit = -1", nil},
	{"ALTER ROLE auditor CONNECTION LIMIT -1", []string{Owner}},
}

func TestEachRoleMayDoItsWorkAndNothingElse(t *testing.T) {
	p := owned(t)
	for _, role := range append([]string{Owner}, schema.Roles...) {
		conn, err := pgx.Connect(t.Context(), p.URL(role, password, database))
		require.NoError(t, err)
		for _, row := range rights {
			allowed := slices.Contains(row.may, role)
			code := try(t, conn, row.statement)
			if allowed {
				require.True(t, code == "" || strings.HasPrefix(code, integrity), "%s, %s: SQLSTATE %s", role, row.statement, code)
				continue
			}
			require.Equal(t, forbidden, code, "%s, %s", role, row.statement)
		}
		require.NoError(t, conn.Close(t.Context()))
	}
}

// try runs a statement, takes it back and returns the SQLSTATE of its refusal.
func try(t *testing.T, conn *pgx.Conn, statement string) (code string) {
	t.Helper()
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{AccessMode: pgx.ReadWrite}) // the auditor's default is no right, only a help
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	_, err = tx.Exec(t.Context(), statement)
	if err != nil {
		var refused *pgconn.PgError
		require.ErrorAs(t, err, &refused)
		return refused.Code
	}
	return ""
}

// Connections are the services' to have: the auditor never takes the last one.
func TestTheAuditorCanNotStopTheServices(t *testing.T) {
	p := owned(t)
	gateway, err := pgx.Connect(t.Context(), p.URL("gateway", password, database))
	require.NoError(t, err)
	defer func() { _ = gateway.Close(context.WithoutCancel(t.Context())) }()
	var auditors []*pgx.Conn
	for {
		conn, err := pgx.Connect(t.Context(), p.URL("auditor", password, database))
		if err != nil {
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "53300", refused.Code, "too many connections")
			break
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		auditors = append(auditors, conn)
		require.LessOrEqual(t, len(auditors), 10)
	}
	auditor := auditors[0]
	require.Equal(t, forbidden, try(t, auditor, fmt.Sprintf("SELECT pg_terminate_backend(%d)", gateway.PgConn().PID())))
	require.Equal(t, forbidden, try(t, auditor, fmt.Sprintf("SELECT pg_cancel_backend(%d)", gateway.PgConn().PID())))
	var limit string
	for _, statement := range []string{"SET default_transaction_read_only = off", "ALTER ROLE auditor RESET ALL"} { // its own defaults it may, but not this one
		_, err = auditor.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	again := auditors[len(auditors)-1]
	require.NoError(t, again.Close(t.Context()))
	testkit.Eventually(t, time.Minute, "the server has let the closed connection go", func() (err error) {
		again, err = pgx.Connect(t.Context(), p.URL("auditor", password, database))
		return err
	})
	defer func() { _ = again.Close(context.WithoutCancel(t.Context())) }()
	require.NoError(t, again.QueryRow(t.Context(), "SHOW temp_file_limit").Scan(&limit))
	require.Equal(t, "1GB", limit)
	for _, elsewhere := range []string{"postgres", "template1"} {
		_, err := pgx.Connect(t.Context(), p.URL("gateway", password, elsewhere))
		var refused *pgconn.PgError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, forbidden, refused.Code, elsewhere)
	}
}

// A lock is its session's, not the function's that took it.
func TestALockThatARoleTookIsHeldUntilItsSessionEnds(t *testing.T) {
	p := owned(t)
	took := func(conn *pgx.Conn) (got bool) {
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT anchor.try_acting()").Scan(&got))
		return got
	}
	first, err := pgx.Connect(t.Context(), p.URL("anchor", password, database))
	require.NoError(t, err)
	second, err := pgx.Connect(t.Context(), p.URL("anchor", password, database))
	require.NoError(t, err)
	defer func() { _ = second.Close(context.WithoutCancel(t.Context())) }()
	require.True(t, took(first))
	require.False(t, took(second))
	require.NoError(t, first.Close(t.Context()))
	testkit.Eventually(t, time.Minute, "the lock is free", func() error {
		if !took(second) {
			return errors.New("not yet")
		}
		return nil
	})
}

func TestOthersDoNotGetIn(t *testing.T) {
	p := owned(t)
	execute(t, p.AdminURL("postgres"), "CREATE ROLE pricing LOGIN PASSWORD '"+password+"'") // a service without a schema
	_, err := pgx.Connect(t.Context(), p.URL("pricing", password, database))
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, forbidden, refused.Code, "no right to connect")
	_, err = pgx.Connect(t.Context(), p.URL("gateway", "wrong", database))
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "28P01", refused.Code)
}

// Docker compose gives the files to psql, which knows more than SQL.
func TestPsqlRunsTheFilesAsComposeDoes(t *testing.T) {
	p := testkit.OwnPostgres(t)
	execute(t, p.AdminURL("postgres"), "CREATE DATABASE "+database)
	tools, err := local.Ensure(t.Context(), t.Output())
	require.NoError(t, err)
	for _, file := range []string{"roles.sql", "password.sql"} {
		psql := exec.CommandContext(t.Context(), filepath.Join(tools.Postgres, "psql"), "-v", "ON_ERROR_STOP=1", "--no-psqlrc",
			"-f", "../../../postgres/"+file, p.AdminURL(database))
		psql.Env = append(os.Environ(), "DB_PASSWORD_ADMIN=it's 'quoted'")
		out, err := psql.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	migrateAs(t, p, p.URL(Owner, "it's 'quoted'", database))
}

func TestWhatASuperuserHadMadeBecomesTheMigrationRoles(t *testing.T) {
	p := testkit.OwnPostgres(t)
	execute(t, p.AdminURL("postgres"), "CREATE DATABASE "+database)
	migrateAs(t, p, p.AdminURL(database))
	for range 2 {
		require.NoError(t, Roles(t.Context(), config.Secret(p.AdminURL(database)), password))
		migrateAs(t, p, p.URL(Owner, password, database))
	}
	execute(t, p.URL(Owner, password, database), "ALTER TABLE sales.sale ADD COLUMN note text")
	execute(t, p.URL(Owner, password, database), "DROP VIEW audit.parked")
	conn, err := pgx.Connect(t.Context(), p.AdminURL(database))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var others int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN ('sales', 'anchor', 'ledger', 'audit', 'public') AND c.relowner <> 'migration'::regrole`).Scan(&others))
	require.Zero(t, others)
}
