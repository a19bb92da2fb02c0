package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// statements are those of a tick at rest, with a tick's arguments.
func (l *leader) statements(now time.Time) map[string]pgx.NamedArgs {
	due, at := l.due(&l.sales, now), l.marks[lookSales]
	next := pgx.NamedArgs{"due": due, "now": now, "first": l.RepairAfter, "longest": maxDelay, "rows": maxAnnouncing}
	return map[string]pgx.NamedArgs{
		searchSQL: {
			"look": lookSales, "after_us": at.Place, "after_id": at.SaleID, "before_us": due.Add(-l.RepairAfter).UnixMicro(), "repair_after": l.RepairAfter,
		},
		settleSQL:        {"clear": l.sales.Clear()},
		takeSQL:          next,
		batchesSearchSQL: {"look": lookBatches, "after": l.marks[lookBatches].Place, "before": due, "repair_after": l.RepairAfter},
		batchesTakeSQL:   next,
		stagesSQL:        {"from_us": max(l.stages.from, at.Place), "leaf": l.stages.leaf},
		parkedSQL:        {"rows": maxCounted, "from": time.Time{}},
	}
}

// explain runs a statement and tells how it was done.
func (l *leader) explain(t testing.TB, statement string, args pgx.NamedArgs) string {
	rows, err := l.session.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS) "+statement, args)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}

func TestNoStatementOfATickReadsAWholeTable(t *testing.T) {
	l, admin := settled(t, 20_000)
	_, err := admin.Exec(t.Context(), "DELETE FROM pg_statistic") // as it is before the first ANALYZE
	require.NoError(t, err)
	for more := true; more; {
		more, err = l.tick(t.Context())
		require.NoError(t, err)
	}
	require.Positive(t, l.marks[lookSales].Place)
	for statement, args := range l.statements(time.Now()) {
		plan := l.explain(t, statement, args)
		require.NotContains(t, plan, "Seq Scan on")
		require.NotContains(t, plan, "Hash Cond")
	}
}
