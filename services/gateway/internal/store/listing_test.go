package store

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// manySQL commits 2,000 records at each of three terminals of store s1 and one of s2, at the same moments, all with one reference.
const manySQL = `
INSERT INTO sales.terminal SELECT 't' || n, CASE WHEN n = 4 THEN 's2' ELSE 's1' END FROM generate_series(1, 4) n;
INSERT INTO sales.terminal_head SELECT 't' || n, 1, 2000, sha256('x') FROM generate_series(1, 4) n;
INSERT INTO sales.sale (sale_id, kind, store_id, terminal_id, idempotency_key, currency, total, total_minor, points_earned, points_redeemed, points_delta,
    points_balance, purchase_number, recorded_at_us, request, fingerprint, salt, sale_hash, receipt_token, answer, chain, record_number, previous_hash,
    external_ref)
SELECT gen_random_uuid(), 'sale', CASE WHEN t = 4 THEN 's2' ELSE 's1' END, 't' || t, gen_random_uuid(), 'INR', '1.00', 100, 0, 0, 0, 0, 0, n,
       '{}', sha256('x'), sha256('x'), sha256('x'), '', '{}', 't' || t, n, sha256('x'), 'ALL'
FROM generate_series(1, 4) t, generate_series(1, 2000) n`

// did is what a scan of sales.sale in a plan read, once for each loop.
var did = regexp.MustCompile(`(?m) on sale\b.*actual rows=(\d+)\S* loops=(\d+)\)$` +
	`(?:\n +(?:Index Cond|Heap Fetches|Filter).*)*(?:\n +Rows Removed by Filter: (\d+))?`)

func TestAPageOfAListReadsNoMoreThanItNeedsHoweverManyRecordsThereAre(t *testing.T) {
	const limit = 11
	d := open(t)
	d.exec(d.admin, manySQL)
	d.exec(d.admin, "VACUUM ANALYZE")
	conn, err := d.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	for what, c := range map[string]struct {
		sql, args string
		shown     int
		most      int // rows read of sales.sale
	}{
		"the newest of a store":        {salesOfStoreSQL, `'s1', 9e9::bigint, '', 0, 0, 11, 1 << 20`, limit, 3*limit + limit},
		"a page in the middle":         {salesOfStoreSQL, `'s1', 1000, 't2', 1000, 0, 11, 1 << 20`, limit, 3*limit + limit},
		"a store that sells nothing":   {salesOfStoreSQL, `'s3', 9e9::bigint, '', 0, 0, 11, 1 << 20`, 0, 0},
		"the newest of a terminal":     {salesOfChainSQL, `'s1', 9e9::bigint, '', 0, 0, 11, 't2', 1 << 20`, limit, limit},
		"its page in the middle":       {salesOfChainSQL, `'s1', 1000, 't2', 1000, 0, 11, 't2', 1 << 20`, limit, limit},
		"a terminal of another store":  {salesOfChainSQL, `'s1', 9e9::bigint, '', 0, 0, 11, 't4', 1 << 20`, 0, 0},
		"the newest with a reference":  {salesByRefSQL, `'s1', 9e9::bigint, '', 0, 0, 11, 'ALL', '', 1 << 20`, limit, limit},
		"those in the middle":          {salesByRefSQL, `'s1', 1000, 't2', 1000, 0, 11, 'ALL', '', 1 << 20`, limit, limit},
		"one that nobody sent, almost": {salesByRefSQL, `'s1', 9e9::bigint, '', 0, 1999, 11, 'ALL', '', 1 << 20`, 6, 6},
	} {
		d.exec(conn.Conn(), "PREPARE listed AS "+named(c.sql).sql)
		lines, err := conn.Query(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF) EXECUTE listed("+c.args+")", pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
		all, err := pgx.CollectRows(lines, pgx.RowTo[string])
		require.NoError(t, err)
		rows, err := conn.Query(t.Context(), "EXECUTE listed("+c.args+")", pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
		shown := 0
		for rows.Next() {
			shown++
		}
		require.NoError(t, rows.Err())
		d.exec(conn.Conn(), "DEALLOCATE listed")
		plan, read := strings.Join(all, "\n"), 0
		scans := did.FindAllStringSubmatch(plan, -1)
		require.Equal(t, c.most == 0, len(scans) == 0, "%s:\n%s", what, plan) // what was never executed read nothing
		for _, scan := range scans {
			number := func(text string) int { n, _ := strconv.Atoi(text); return n } // 0 for none
			read += (number(scan[1]) + number(scan[3])) * number(scan[2])
		}
		require.Equal(t, c.shown, shown, what)
		require.LessOrEqual(t, read, c.most, "%s:\n%s", what, plan)
	}
}
