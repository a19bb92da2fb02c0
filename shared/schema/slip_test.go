package schema_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/schema"
	"github.com/tillseal/tillseal/shared/testkit"
)

// Tills sell while it is migrated: it waits for none of them, and can be run again from wherever it was broken off.
func TestTheMigrationForSlipsGivesUpWhereItWouldHoldUpTills(t *testing.T) {
	url := testkit.OwnPostgres(t).AdminURL("postgres")
	require.NoError(t, schema.MigrateTo(t.Context(), url, 23))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	group, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = group.Exec(t.Context(), `LOCK TABLE sales.sale IN ROW EXCLUSIVE MODE`)
	require.NoError(t, err)
	require.ErrorContains(t, schema.Migrate(t.Context(), url), "lock timeout")
	require.NoError(t, group.Rollback(t.Context()))

	require.NoError(t, schema.MigrateTo(t.Context(), url, 24))
	_, err = conn.Exec(t.Context(), `CREATE UNIQUE INDEX sale_terminal_seq_once ON sales.sale (terminal_id, terminal_seq);
		CREATE INDEX sale_listed ON sales.sale (chain)`)
	require.NoError(t, err)
	require.NoError(t, schema.Migrate(t.Context(), url))
	for what, left := range map[string]string{
		"constraints that were not validated": `SELECT count(*) FROM pg_constraint WHERE conrelid = 'sales.sale'::regclass AND NOT convalidated`,
		"indexes of before": `SELECT count(*) FROM pg_indexes WHERE schemaname = 'sales' AND (indexname = 'sale_terminal_seq'
			OR indexname = 'sale_terminal_seq_once' AND indexdef NOT LIKE '%seq_reused%' OR indexname = 'sale_listed' AND indexdef NOT LIKE '%record_number%')`,
	} {
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), left).Scan(&n))
		require.Zero(t, n, what)
	}
}
