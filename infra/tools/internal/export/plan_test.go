package export

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

// reads are the lines of a plan that read sales.sale, each with the line after it.
var reads = regexp.MustCompile(`(?m)^.*\b(?:Seq|Heap|Index|Index Only) Scan .*\bsale\b.*$\n?.*`)

func TestRecordsAreReadByAnIndexHoweverSmallTheTableWasWhenItWasLastLookedAt(t *testing.T) {
	db := testkit.Database(t)
	for _, now := range []string{"SELECT 'nothing is known of a table'", "VACUUM ANALYZE"} { // then all are known to be empty
		admin, err := pgx.Connect(t.Context(), db.Admin)
		require.NoError(t, err)
		_, err = admin.Exec(t.Context(), now)
		require.NoError(t, err)
		require.NoError(t, admin.Close(t.Context()))
		for name, s := range map[string]struct {
			sql, index, cond string
			parameters       int
		}{
			"page":    {pageSQL, "sale_record_number", "(record_number > $2) AND (record_number <= $3)", 4},
			"extent":  {extentSQL, "sale_listed", "(recorded_at_us >= $2) AND (recorded_at_us < $3)", 3},
			"closing": {closingSQL, "", "(chain = $1)", 2},
		} {
			plan := planned(t, db.Auditor, s.sql, s.parameters)
			require.Contains(t, plan, s.index, "%s after %s", name, now)
			require.Contains(t, plan, s.cond, "%s after %s", name, now)
			require.NotContains(t, plan, "Seq Scan", "%s after %s", name, now)
			require.NotContains(t, plan, "Sort", "%s after %s: a page would read the whole period", name, now)
			for _, read := range reads.FindAllString(plan, -1) {
				require.Contains(t, read, "Index Cond: ", "%s after %s:\n%s", name, now, plan)
			}
		}
	}
}

// planned is how an export's session runs a statement, whatever its arguments.
func planned(t *testing.T, url, sql string, parameters int) string {
	t.Helper()
	snap, err := open(t.Context(), config.Secret(url))
	require.NoError(t, err)
	defer snap.close(t.Context())
	_, err = snap.tx.Exec(t.Context(), "PREPARE planned AS "+sql)
	require.NoError(t, err)
	rows, err := snap.tx.Query(t.Context(), "EXPLAIN EXECUTE planned(NULL"+strings.Repeat(", NULL", parameters-1)+")", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}
