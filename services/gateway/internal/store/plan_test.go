package store

import (
	"embed"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// whole are the statements that are about every terminal, every key that signed or every session, of which there are few.
var whole = map[string]bool{
	"hung_end.sql": true, "keys.sql": true, "promise_keys.sql": true,
	"series_add.sql": true, "series_begin.sql": true, "series_end.sql": true, "series_lock.sql": true,
}

// paged are those that read some of many rows in order, by the index that has them in it.
var paged = map[string]string{
	"closing_records.sql": "sale_record_number", "closing_seqs.sql": "sale_terminal_seq_once", "closings.sql": "closing_by_time", "closings_of.sql": "closing",
	"entries.sql": "loyalty_entry_pkey", "terminals.sql": "terminal_pkey",
	"sales_by_ref.sql": "sale_external_ref", "sales_of_chain.sql": "sale_listed", "sales_of_store.sql": "sale_listed",
}

// reads are the lines of a plan that read a table, each with the line after it.
var reads = regexp.MustCompile(`(?m)^.*\b(?:Seq|Heap|Index|Index Only) Scan .*$\n?.*`)

func TestEachStatementLooksUpByAnIndexHoweverSmallItsTablesWereWhenItWasPlanned(t *testing.T) {
	files, err := sqlFiles.ReadDir("sql")
	require.NoError(t, err)
	d := open(t)
	for _, now := range []string{"SELECT 'nothing is known of a table'", "VACUUM ANALYZE"} { // then all are known to be empty
		d.exec(d.admin, now)
		for _, file := range files {
			text, err := sqlFiles.ReadFile("sql/" + file.Name())
			require.NoError(t, err)
			if file.Name() == "sales_copy.sql" {
				continue // it has no plan
			}
			plan := d.plan(ofRows(string(text)))
			require.Contains(t, plan, paged[file.Name()])
			for _, read := range reads.FindAllString(plan, -1) {
				require.True(t, whole[file.Name()] || strings.Contains(read, "Index Cond: "), "%s after %s:\n%s", file.Name(), now, plan)
			}
		}
	}
}

// plan is how the sessions of a gateway run a statement, whatever its arguments.
func (d *desk) plan(sql string) string {
	d.t.Helper()
	ctx := d.t.Context()
	conn, err := d.pool.Acquire(ctx)
	require.NoError(d.t, err)
	defer conn.Release()
	d.exec(conn.Conn(), "PREPARE planned AS "+named(sql).sql)
	defer d.exec(conn.Conn(), "DEALLOCATE planned")
	var parameters int
	err = conn.QueryRow(ctx, "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'planned'").Scan(&parameters)
	require.NoError(d.t, err)
	explain := "EXPLAIN EXECUTE planned"
	if parameters > 0 {
		explain += "(NULL" + strings.Repeat(", NULL", parameters-1) + ")"
	}
	rows, err := conn.Query(ctx, explain, pgx.QueryExecModeSimpleProtocol)
	require.NoError(d.t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(d.t, err)
	return strings.Join(lines, "\n")
}
