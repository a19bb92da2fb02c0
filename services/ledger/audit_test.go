package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

// auditViews is the list in infra/docs/CONTRACT.md, 7.2, which outside checks rely on.
var auditViews = map[string]string{
	"audit.sale": "sale_id, kind, refund_of, store_id, terminal_id, idempotency_key, customer_id, currency, total, points_delta, points_balance, " +
		"purchase_number, record_number, previous_hash, recorded_at_us, request, answer, salt, sale_hash, points_earned, points_redeemed, rules_version, " +
		"occurred_at, terminal_seq, seq_reused, external_ref, base_terminal_id, total_minor",
	"audit.terminal":        "terminal_id, store_id, records, head_hash",
	"audit.promise_key":     "kid, jwk, sale_id, recorded_at",
	"audit.loyalty_account": "customer_id, points_balance, purchases, entries, last_recorded_at_us, bonus_due",
	"audit.loyalty_entry":   "customer_id, sale_id, points_delta, points_balance, entry_number, rules_version",
	"audit.refund_state":    "sale_id, total_minor, refunded_minor, points_clawed, points_returned",
	"audit.loyalty_rules":   "version, rules_hash, rules, first_used_at",
	"audit.unpromised":      "recorded_at_us",
	"audit.batch":           "deployment, chain_id, contract, batch_id, root, size, state, ours, in_log, log_root, block_number",
	"audit.deployment":      "deployment, chain_id, contract, retired, deployed_block",
	"audit.batch_leaf":      "deployment, batch_id, leaf_index, sale_id, sale_hash, amount_wei, rate_id",
	"audit.anchored":        "sale_id, deployment, batch_id, tx_hash, block_number, finality",
	"audit.closing":         "terminal_id, closing_number, from_number, to_number, body, records_of, store_id, closed_at_us",
	"audit.parked":          "sale_id, service, stream, sequence, reason, parked_at, state, decided_by, decided_because, decided_at",
	"audit.rate":            "rate_id, value, currency, tier, sources, observed_at",
	"audit.rate_accepted":   "currency, value, accepted_by, accepted_because, accepted_at",
}

// mutable are the only tables that a service may update, by its role.
var mutable = map[string][]string{
	"gateway": {"sales.loyalty_account", "sales.refund_state", "sales.terminal_status", "sales.terminal_head"},
	"anchor":  {"anchor.lease"},
	"ledger": {
		"ledger.anchored", "ledger.batch", "ledger.repair", "ledger.reannounce", "ledger.reclose", "ledger.low_water", "ledger.audit_run", "ledger.audit_finding",
	},
}

// seeded are tables whose rows the migration makes.
var seeded = []string{"anchor.lease", "ledger.low_water", "ledger.unpromised", "sales.unpromised"}

func (s *shop) baseTables() []string {
	rows, err := s.admin.Query(s.t.Context(),
		`SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('sales', 'anchor', 'ledger') ORDER BY 1`)
	require.NoError(s.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	require.Greater(s.t, len(tables), 15)
	return tables
}

const insufficientPrivilege = "42501"

func (s *shop) refused(conn *pgx.Conn, statement string) {
	s.t.Helper()
	_, err := conn.Exec(s.t.Context(), statement)
	var pg *pgconn.PgError
	require.ErrorAs(s.t, err, &pg, statement)
	require.Equal(s.t, insufficientPrivilege, pg.Code, statement)
}

// privileges counts which of these a role has on a table or view, if only on one column.
func (s *shop) privileges(role, table string, kinds ...string) (n int) {
	s.t.Helper()
	for _, kind := range kinds {
		check := "has_any_column_privilege"
		if kind == "DELETE" || kind == "TRUNCATE" {
			check = "has_table_privilege"
		}
		var has bool
		require.NoError(s.t, s.admin.QueryRow(s.t.Context(), "SELECT "+check+"($1, $2, $3)", role, table, kind).Scan(&has))
		if has {
			n++
		}
	}
	return n
}

func TestTheAuditorReadsEveryViewAndNothingElse(t *testing.T) {
	s := setup(t)
	b := s.sold(3)
	s.publish(event.Anchored(b.anchored(0, 99), noon, 0))
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	for view, columns := range auditViews {
		s.exec(s.auditor, fmt.Sprintf("SELECT %s FROM %s", columns, view))
		require.Equal(t, 0, s.privileges("auditor", view, "INSERT", "UPDATE", "DELETE", "TRUNCATE"), view)
	}
	for _, table := range s.baseTables() {
		s.refused(s.auditor, "SELECT FROM "+table)
	}
	var root, state, hash string
	require.NoError(t, s.auditor.QueryRow(t.Context(), `SELECT root, state FROM audit.batch`).Scan(&root, &state))
	require.Equal(t, b.tree.Root().Hex(), root)
	require.Equal(t, "mined", state)
	require.NoError(t, s.auditor.QueryRow(t.Context(), `SELECT sale_hash FROM audit.batch_leaf WHERE sale_id = $1`, b.sales[1].SaleID).Scan(&hash))
	require.Equal(t, b.sales[1].Hash().Hex(), hash)
	require.NoError(t, s.auditor.QueryRow(t.Context(), `SELECT tx_hash FROM audit.anchored`).Scan(&hash))
	require.Equal(t, txHash.Hex(), hash)
}

// Each view and each of its columns says what it is, and there is no view that is not in the list.
func TestEachViewForAuditorsIsExplained(t *testing.T) {
	s := setup(t)
	rows, err := s.auditor.Query(t.Context(), `SELECT c.oid::regclass::text, coalesce(obj_description(c.oid), ''),
			(SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
			(SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL)
		FROM pg_class c WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind = 'v'`)
	require.NoError(t, err)
	var (
		view, comment, columns string
		silent, found          int
	)
	_, err = pgx.ForEachRow(rows, []any{&view, &comment, &columns, &silent}, func() error {
		found++
		require.Equal(t, auditViews[view], columns, view)
		require.NotEmpty(t, comment, view)
		require.Zero(t, silent, view)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, auditViews, found)
}

// audited is a row of audit.batch.
type audited struct {
	BatchID       int64
	Root, LogRoot string
	Size          int64
	State         string
	Ours          bool
}

// rebuilt is the log that the auditor makes of the rows of audit.batch that are in it, of nothing else, and how many of them are ours.
func (s *shop) rebuilt(deployment int64) (log *batchlog.Log, ours int) {
	s.t.Helper()
	rows, err := s.auditor.Query(s.t.Context(),
		`SELECT batch_id, root, log_root, size, state, ours FROM audit.batch WHERE deployment = $1 AND in_log ORDER BY batch_id`, deployment)
	require.NoError(s.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[audited])
	require.NoError(s.t, err)
	log = batchlog.New()
	for _, row := range found {
		_, err := log.Append(batchlog.Batch{ID: uint64(row.BatchID), Root: common.HexToHash(row.Root), Size: uint32(row.Size)})
		require.NoError(s.t, err)
		require.Equal(s.t, log.Root().Hex(), row.LogRoot)
		if row.Ours {
			ours++
		}
	}
	return log, ours
}

func TestAnAuditorRebuildsEachContractsLog(t *testing.T) {
	s := setup(t)
	earlier := s.deploy()
	s.mined(earlier, 2)
	deployment := s.deploy()
	batches := s.mined(deployment, 4)
	sealed := s.seal(deployment, 5, s.sell(100, noon))
	rebuilds := func(deployment int64, size uint64, ours int, root common.Hash) {
		t.Helper()
		log, mine := s.rebuilt(deployment)
		require.Equal(t, []any{size, ours, root}, []any{log.Size(), mine, log.Root()})
	}
	of := func(ours int) common.Hash {
		return must(batchlog.After(uint64(ours), s.row(deployment, uint64(ours)))).Root()
	}
	rebuilds(earlier, 2, 2, s.logs[earlier].Root())
	rebuilds(deployment, 4, 4, of(4)) // and not the one that is sealed only

	held := s.stranger(deployment, batches[:3], 2)
	rebuilds(deployment, 5, 3, held.Root())
	rebuilds(deployment, 6, 3, s.stranger(deployment, batches[:3], 3).Root()) // instead of those before
	require.Equal(t, 3, s.audits(`SELECT count(*) FROM audit.batch WHERE NOT ours AND in_log AND state = 'mined'`))
	longer := s.stranger(deployment, append(batches[:4:4], sealed), 1)
	rebuilds(deployment, 6, 5, longer.Root()) // the chain was faster than the states
	seen := s.stranger(deployment, batches[:2], 0)
	rebuilds(deployment, 2, 2, seen.Root())
	s.exec(s.anchor, `INSERT INTO anchor.sighting (deployment) VALUES ($1)`, deployment)
	rebuilds(deployment, 4, 4, of(4))
	s.publish(batches[3].moved(event.BatchReorged, 99))
	rebuilds(deployment, 3, 3, of(3))
	s.retire(deployment)
	rebuilds(deployment, 0, 0, common.Hash{})
	rebuilds(earlier, 2, 2, s.logs[earlier].Root())
	require.Equal(t, 7, s.audits(`SELECT count(*) FROM audit.batch WHERE ours`), "every batch stays in sight")
}

func (s *shop) audits(statement string) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.auditor.QueryRow(s.t.Context(), statement).Scan(&n))
	return n
}

func TestNoServiceChangesOrRemovesWhatIsKeptForEver(t *testing.T) {
	s := setup(t)
	for role, conn := range map[string]*pgx.Conn{"gateway": s.gateway, "anchor": s.anchor, "ledger": s.ledger} {
		for _, table := range s.baseTables() {
			s.refused(conn, "DELETE FROM "+table)
			s.refused(conn, "TRUNCATE "+table)
			own := strings.HasPrefix(table, map[string]string{"gateway": "sales.", "anchor": "anchor.", "ledger": "ledger."}[role])
			require.Equal(t, slices.Contains(mutable[role], table), s.privileges(role, table, "UPDATE") == 1, "%s updates %s", role, table)
			require.Equal(t, own && !slices.Contains(seeded, table), s.privileges(role, table, "INSERT") == 1, "%s inserts into %s", role, table)
		}
	}
	s.refused(s.anchor, "SELECT salt FROM sales.sale")
	s.refused(s.anchor, "SELECT customer_id FROM sales.sale")
	s.exec(s.anchor, "SELECT sale_id, sale_hash, store_id, currency, total FROM sales.sale")
	s.refused(s.ledger, "SELECT FROM sales.terminal_key")
	s.refused(s.ledger, "SELECT FROM anchor.tx_attempt")
}
