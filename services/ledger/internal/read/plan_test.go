package read

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/batchlog"
)

// maxRows of a log are read for one path, however long the log is: one for each height of its tree and one more, up to 2^24 batches.
const maxRows = 25

// statesSQL journals what happened to so many batches of a deployment, all but the last ones of which are final.
const statesSQL = `
INSERT INTO anchor.batch_event (deployment, batch_id, state)
SELECT $1, n, state FROM generate_series(1, $2::bigint) n, unnest(ARRAY['sealed', 'broadcast', 'mined', 'final']) AS state
WHERE state <> 'final' OR n <= $2 - 70`

// salesSQL commits a sale for each of the deployment's first batches and journals its leaf there.
const salesSQL = `
INSERT INTO anchor.rate VALUES ('INR', '254321.17', 'INR', 'static', '[]', '2026-11-22T04:45:31Z');
CREATE TEMP TABLE made AS SELECT n, ('01935f0e-8a7b-7c3d-9e4f-' || lpad(n::text, 12, '0'))::uuid AS id, sha256(n::text::bytea) AS hash
FROM generate_series(1, @sales) n;
INSERT INTO sales.sale SELECT id, 'sale', NULL, 's1', 't1', id, NULL, NULL, 'INR', '1249.50', 124950, 0, 0, 0, 0, 0, NULL, NULL, n,
       '{"currency":"INR","total":"1249.50"}', hash, hash, hash, 'token', '{}', 't1', n, hash FROM made;
INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, rate_id, store_id) SELECT id, hash, 1, 'INR', 's1' FROM made ORDER BY n;
INSERT INTO anchor.batch_leaf SELECT @deployment, id, n, 0 FROM made;
INSERT INTO ledger.batch SELECT deployment, batch_id, root, size, 'final', NULL, NULL, NULL, NULL, batch_id, now() FROM anchor.batch;`

// parkedSQL parks messages of which some hold the asked sale back, and has operators decide about the others.
const parkedSQL = `
INSERT INTO ledger.parked (stream, sequence, service, reason, subject, sale_id, data, at)
SELECT 'SALES_RECORDED', n, 'pricing', 'x', 'x', ('01935f0e-8a7b-7c3d-9e4f-' || lpad(CASE WHEN n <= 3 THEN '9999' ELSE n::text END, 12, '0'))::uuid, '', now()
FROM generate_series(1, 5000) n;
INSERT INTO ledger.replay (service, stream, sequence, parked_at, sale_id, operator, reason)
SELECT service, stream, sequence, at, sale_id, 'asha', '' FROM ledger.parked WHERE sequence > 3;
INSERT INTO ledger.discard (service, stream, sequence, parked_at, operator, reason)
SELECT service, stream, sequence, at, 'asha', 'x' FROM ledger.parked WHERE sequence > 3;`

// fill journals so many batches of a deployment, of one sale each.
func (d *deployment) fill(batches int) {
	d.t.Helper()
	ctx := d.t.Context()
	_, err := d.admin.Exec(ctx, `SET session_replication_role = replica`) // foreign keys are checked row by row, which takes longest
	require.NoError(d.t, err)
	root := common.Hash{1}.Bytes()
	copied := func(table string, columns []string, row func(n int) ([]any, error)) {
		d.t.Helper()
		_, err := d.admin.CopyFrom(ctx, pgx.Identifier{"anchor", table}, columns, pgx.CopyFromSlice(batches, func(i int) ([]any, error) { return row(i + 1) }))
		require.NoError(d.t, err)
	}
	copied("batch", []string{"deployment", "batch_id", "root", "size"}, func(n int) ([]any, error) { return []any{d.id, n, root, 1}, nil })
	copied("log", []string{"deployment", "batch_id", "root", "nodes"}, func(n int) ([]any, error) {
		row, err := d.log.Append(batchlog.Batch{ID: uint64(n), Root: common.BytesToHash(root), Size: 1})
		return []any{d.id, n, d.log.Root().Bytes(), row.Bytes()}, err
	})
	_, err = d.admin.Exec(ctx, statesSQL, d.id, batches)
	require.NoError(d.t, err)
	_, err = d.admin.Exec(ctx, `SET session_replication_role = origin`)
	require.NoError(d.t, err)
	_, err = d.admin.Exec(ctx, `VACUUM ANALYZE`)
	require.NoError(d.t, err)
}

// node is one of a plan, with what it did.
type node struct {
	NodeType     string `json:"Node Type"`
	Schema       string
	RelationName string      `json:"Relation Name"`
	ActualRows   json.Number `json:"Actual Rows"`
	ActualLoops  json.Number `json:"Actual Loops"`
	Passed       json.Number `json:"Rows Removed by Filter"`
	Plans        []node
}

// scans adds up, by table, the rows that each kind of scan read.
func (n node) scans(into map[string]map[string]int) {
	if n.RelationName != "" {
		table := n.Schema + "." + n.RelationName
		if into[table] == nil {
			into[table] = map[string]int{}
		}
		rows, _ := n.ActualRows.Float64() // of one loop, on average
		passed, _ := n.Passed.Float64()
		loops, _ := n.ActualLoops.Float64()
		into[table][n.NodeType] += int((rows+passed)*loops + 0.5)
	}
	for _, below := range n.Plans {
		below.scans(into)
	}
}

func literal(value any) string {
	switch v := value.(type) {
	case nil:
		return "NULL"
	case []byte:
		return `'\x` + hex.EncodeToString(v) + `'`
	case []uint64:
		return "'{" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(v)), ","), "[]") + "}'"
	case string:
		return "'" + v + "'"
	default:
		return fmt.Sprint(v)
	}
}

// explain runs a statement as role ledger, with a plan for any arguments or for these, and returns its scans.
func (j *journal) explain(mode, statement string, args pgx.NamedArgs) (scans map[string]map[string]int, plan string) {
	j.t.Helper()
	session, err := j.reader.pool.Acquire(j.t.Context())
	require.NoError(j.t, err)
	defer session.Release()
	conn := session.Conn()
	rewritten, values, err := args.RewriteQuery(j.t.Context(), conn, statement, nil)
	require.NoError(j.t, err)
	literals := make([]string, len(values))
	for i, v := range values {
		literals[i] = literal(v)
	}
	run := func(text string) {
		_, err := conn.Exec(j.t.Context(), text, pgx.QueryExecModeSimpleProtocol)
		require.NoError(j.t, err, text)
	}
	run(`SET plan_cache_mode = ` + mode)
	run(`PREPARE explained AS ` + rewritten)
	defer func() {
		_, err := conn.Exec(context.WithoutCancel(j.t.Context()), `DEALLOCATE explained; RESET plan_cache_mode`, pgx.QueryExecModeSimpleProtocol)
		require.NoError(j.t, err)
	}()
	var raw string
	require.NoError(j.t, conn.QueryRow(j.t.Context(),
		`EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) EXECUTE explained(`+strings.Join(literals, ", ")+`)`, pgx.QueryExecModeSimpleProtocol).Scan(&raw))
	var tops []struct{ Plan node }
	require.NoError(j.t, json.Unmarshal([]byte(raw), &tops))
	scans = map[string]map[string]int{}
	tops[0].Plan.scans(scans)
	return scans, raw
}

// small are the tables that hardly grow: a contract is deployed once in years, and the planner may read them whole.
var small = []string{"anchor.deployment", "anchor.rate"}

func TestNoStatementReadsAWholeTable(t *testing.T) {
	const batches = 5000
	j := newJournal(t)
	for _, contract := range []common.Address{second, third} {
		j.deploy(contract).sealed(final, mined)
	}
	d := j.deploy(first)
	d.fill(batches)
	_, err := j.admin.Exec(t.Context(), strings.NewReplacer("@sales", strconv.Itoa(batches), "@deployment", strconv.FormatInt(d.id, 10)).Replace(salesSQL))
	require.NoError(t, err)
	j.alter(`INSERT INTO anchor.foreign_batch (deployment, batch_id, root, size, log_root, nodes, tx_hash, block_number, block_hash)
		SELECT $1, n, $2, 1, $2, $2, $2, 1, $2 FROM generate_series(1, 5000) n`, d.id, common.Hash{2}.Bytes())
	j.alter(`INSERT INTO anchor.sighting (deployment) SELECT $1 FROM generate_series(1, 5000)`, d.id)
	j.alter(`INSERT INTO anchor.deployed (deployment, block_number) SELECT $1, n FROM generate_series(1, 5000) n`, d.id)
	_, err = j.admin.Exec(t.Context(), parkedSQL)
	require.NoError(t, err)
	_, err = j.admin.Exec(t.Context(), `ANALYZE`)
	require.NoError(t, err)
	const none = "01935f0e-8a7b-7c3d-9e4f-000000000001"
	for name, s := range map[string]struct {
		statement string
		args      pgx.NamedArgs
	}{
		"the present log":   {logSQL, pgx.NamedArgs{"deployment": nil, "contract": nil, "batch_id": nil, "size": nil}},
		"one at a contract": {logSQL, pgx.NamedArgs{"deployment": nil, "contract": first.Bytes(), "batch_id": 77, "size": 4000}},
		"one of a sale":     {logSQL, pgx.NamedArgs{"deployment": d.id, "contract": nil, "batch_id": 77, "size": nil}},
		"rows of ours":      {logRowsSQL, pgx.NamedArgs{"deployment": d.id, "ours": batches, "foreign_row": 9999, "batch_ids": batchlog.RowsOf(77, batches)}},
		"rows of another's": {logRowsSQL, pgx.NamedArgs{"deployment": d.id, "ours": 70, "foreign_row": 9999, "batch_ids": batchlog.RowsOf(77, batches)}},
		"a sale":            {saleSQL, pgx.NamedArgs{"sale_id": none}},
		"of a parked one":   {saleSQL, pgx.NamedArgs{"sale_id": "01935f0e-8a7b-7c3d-9e4f-000000009999"}},
	} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			scans, plan := j.explain(mode, s.statement, s.args)
			require.NotEmpty(t, scans)
			for table, kinds := range scans {
				if slices.Contains(small, table) {
					continue
				}
				for kind, rows := range kinds {
					require.Contains(t, kind, "Index", "%s, %s: %s: %s", name, mode, table, plan)
					require.LessOrEqual(t, rows, maxRows, "%s, %s: %s: %s", name, mode, table, plan)
				}
			}
		}
	}
	of := batchlog.RowsOf(77, batches)
	scans, _ := j.explain("force_generic_plan", logRowsSQL, pgx.NamedArgs{"deployment": d.id, "ours": batches, "foreign_row": 9999, "batch_ids": of})
	require.Equal(t, map[string]int{"Index Scan": len(of)}, scans["anchor.log"])
	require.Zero(t, scans["anchor.foreign_batch"]["Index Scan"])
}
