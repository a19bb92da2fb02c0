package gateway_test

import "github.com/stretchr/testify/require"

// checkBooks asks the audit's views what must hold of all that was committed (infra/docs/CONTRACT.md, 8).
func (s *shop) checkBooks() {
	s.t.Helper()
	require.NotZero(s.t, s.sales())
	for what, sql := range map[string]string{
		"an account is not the sum of its entries": `SELECT count(*) FROM audit.loyalty_account a
			WHERE points_balance <> (SELECT sum(points_delta) FROM audit.loyalty_entry e WHERE e.customer_id = a.customer_id)`,
		"an entry is not its sale's": `SELECT count(*) FROM audit.sale s LEFT JOIN audit.loyalty_entry e USING (sale_id)
			WHERE (s.customer_id, s.points_delta, s.points_balance) IS DISTINCT FROM (e.customer_id, coalesce(e.points_delta, 0), coalesce(e.points_balance, 0))`,
		"purchase numbers have a gap": `SELECT count(*)
			FROM (SELECT customer_id, count(*) AS n, count(DISTINCT purchase_number) AS d, min(purchase_number) AS low, max(purchase_number) AS high
			FROM audit.sale WHERE kind = 'sale' AND customer_id IS NOT NULL GROUP BY 1) x
				JOIN audit.loyalty_account a USING (customer_id) WHERE n <> d OR low <> 1 OR high <> n OR n <> a.purchases`,
		"a sale is refunded beyond its total": `SELECT count(*) FROM audit.sale s
			WHERE s.total::numeric < (SELECT sum(r.total::numeric) FROM audit.sale r WHERE r.refund_of = s.sale_id)`,
		"a key has two records": `SELECT count(*) - count(DISTINCT (terminal_id, idempotency_key)) FROM audit.sale`,
		"time stands still": `SELECT count(*) FROM (SELECT recorded_at_us - lag(recorded_at_us) OVER (PARTITION BY customer_id ORDER BY recorded_at_us) AS step
			FROM audit.sale WHERE customer_id IS NOT NULL) x WHERE step <= 0`,
		"a number is missing": `SELECT count(*) FROM (SELECT count(*) AS n, min(record_number) AS first, max(record_number) AS last
			FROM audit.sale GROUP BY terminal_id) x WHERE first <> 1 OR n <> last`,
		"a record does not name the one before": `SELECT count(*) FROM (SELECT previous_hash, lag(sale_hash, 1, '` + noHash + `')
			OVER (PARTITION BY terminal_id ORDER BY record_number) AS before FROM audit.sale) x WHERE previous_hash <> before`,
		"a head is not the last record": `SELECT count(*) FROM audit.terminal t
			WHERE records <> (SELECT count(*) FROM audit.sale s WHERE s.terminal_id = t.terminal_id) OR records > 0
			AND NOT EXISTS (SELECT FROM audit.sale s WHERE s.terminal_id = t.terminal_id AND s.record_number = t.records AND s.sale_hash = t.head_hash)`,
	} {
		require.Zero(s.t, query[int](s, sql), what)
	}
}
