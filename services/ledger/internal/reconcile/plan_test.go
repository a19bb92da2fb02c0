package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger/internal/promises"
)

// statements are those of a tick at rest, with a tick's arguments.
func (l *leader) statements(now time.Time) map[string]pgx.NamedArgs {
	due, at := l.due(&l.sales, now), l.marks[markSales]
	next := pgx.NamedArgs{"due": due, "now": now, "first": l.RepairAfter, "longest": maxDelay, "rows": maxAnnouncing}
	return map[string]pgx.NamedArgs{
		searchSQL: {
			"look": markSales, "after_us": at.Position, "after_id": at.SaleID, "before_us": due.Add(-l.RepairAfter).UnixMicro(), "repair_after": l.RepairAfter,
		},
		closeRepairedSQL: {"clear": l.sales.Clear()},
		takeSQL:          next,
		batchesSearchSQL: {"look": markBatches, "after": l.marks[markBatches].Position, "before": due, "repair_after": l.RepairAfter},
		batchesTakeSQL:   next,
		closingsSearchSQL: {
			"look": markClosings, "after_us": l.marks[markClosings].Position, "before_us": due.UnixMicro(), "repair_after": l.RepairAfter,
		},
		closingsCloseSQL: {"clear": l.closings.Clear()},
		closingsTakeSQL:  next,
		stagesSQL:        {"from_us": max(l.stages.from, at.Position), "leaf": l.stages.leaf},
		parkedSQL:        {"rows": maxCounted, "from": time.Time{}},

		promises.UnkeptSQL:  {"from_us": l.stages.from, "due_us": now.Add(-24 * time.Hour).UnixMicro()},
		promises.AdvanceSQL: {"young": promises.Young},
	}
}

// explain runs a statement and returns its plan.
func (l *leader) explain(t testing.TB, statement string, args pgx.NamedArgs) string {
	rows, err := l.session.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS) "+statement, args)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}

func TestNoStatementOfATickReadsAWholeTable(t *testing.T) {
	l, admin := atRest(t, 20_000)
	_, err := admin.Exec(t.Context(), "DELETE FROM pg_statistic") // as before the first ANALYZE
	require.NoError(t, err)
	for more := true; more; {
		more, err = l.tick(t.Context())
		require.NoError(t, err)
	}
	require.Positive(t, l.marks[markSales].Position)
	require.Positive(t, l.marks[markClosings].Position)
	for statement, args := range l.statements(time.Now()) {
		plan := l.explain(t, statement, args)
		plan = strings.ReplaceAll(plan, "Seq Scan on deployment", "") // a contract is deployed once in years
		require.NotContains(t, plan, "Seq Scan on")
		require.NotContains(t, plan, "Hash Cond")
	}
	_, err = admin.Exec(t.Context(), "ANALYZE")
	require.NoError(t, err)
	first := l.explain(t, stagesSQL, pgx.NamedArgs{"from_us": int64(0), "leaf": int64(1)})
	require.NotContains(t, first, "Rows Removed by Join Filter", "one look-up for each leaf, not all of them for each")
}
