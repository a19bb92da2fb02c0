package audit_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/promise"
)

var saleColumns = []string{
	"sale_id", "kind", "refund_of", "store_id", "terminal_id", "chain", "record_number", "previous_hash", "idempotency_key", "terminal_seq", "occurred_at",
	"external_ref", "customer_id", "currency", "total", "total_minor", "points_earned", "points_redeemed", "points_delta", "points_balance", "purchase_number",
	"rules_version", "recorded_at_us", "request", "fingerprint", "salt", "sale_hash", "receipt_token", "answer",
}

// write makes n records and all that follows from them.
func (s *shop) write(t testing.TB, adminURL string, n int) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, adminURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	exec := func(statement string, args ...any) {
		t.Helper()
		_, err := conn.Exec(ctx, statement, args...)
		require.NoError(t, err)
	}
	copied := func(schema, table string, columns []string, rows [][]any) {
		t.Helper()
		_, err := conn.CopyFrom(ctx, pgx.Identifier{schema, table}, columns, pgx.CopyFromRows(rows))
		require.NoError(t, err)
	}
	exec(`SET session_replication_role = replica`)
	for _, moves := range []string{"sales.terminal", "sales.terminal_head", "sales.loyalty_account", "sales.refund_state"} {
		exec(`DELETE FROM ` + moves) // written anew
	}
	if s.count == 0 {
		s.publish(exec)
	}
	const part = 20_000
	for s.count < n {
		for s.count < n && len(s.sales) < part {
			s.next(t)
		}
		copied("sales", "sale", saleColumns, s.sales)
		copied("sales", "loyalty_entry", []string{"customer_id", "entry_number", "sale_id", "points_delta", "points_balance", "rules_version"}, s.entries)
		s.sales, s.entries = nil, nil
	}
	for name, h := range s.heads {
		exec(`INSERT INTO sales.terminal (terminal_id, store_id) VALUES ($1, 's1')`, name)
		exec(`INSERT INTO sales.terminal_head VALUES ($1, 1, $2, $3)`, name, int64(h.records), h.hash[:])
	}
	var accounts, states [][]any
	for id, a := range s.customers {
		accounts = append(accounts, []any{id, a.balance, a.purchases, a.entries, a.last, a.due})
	}
	for id, r := range s.refunds {
		states = append(states, []any{id, r.total, r.refunded, r.clawed, r.returned})
	}
	copied("sales", "loyalty_account", []string{"customer_id", "points_balance", "purchases", "entries", "last_recorded_us", "bonus_due"}, accounts)
	copied("sales", "refund_state", []string{"sale_id", "total_minor", "refunded_minor", "points_clawed", "points_returned"}, states)
	s.anchor(t, copied)
	for terminal, records := range s.days {
		half := len(records) / 2
		exec(closingSQL, s.close(t, terminal, records[:half])...)
		exec(closingSQL, s.close(t, terminal, records[half:])...)
		delete(s.days, terminal)
	}
	exec(`ANALYZE`)
}

const closingSQL = `INSERT INTO sales.closing (chain, terminal_id, closing_number, store_id, idempotency_key, from_number, to_number, closed_at_us, body)
	VALUES ($1, $1, $2, 's1', gen_random_uuid(), $3, $4, $5, $6)`

// close closes a till's day.
func (s *shop) close(t testing.TB, terminal string, records []closing.Record) []any {
	t.Helper()
	before := s.closed[terminal]
	if before == nil {
		before = &closedDay{}
	}
	last := &records[len(records)-1]
	in := closing.Range{
		StoreID: "s1", TerminalID: terminal, Number: before.number + 1, From: before.to + 1, To: last.Number, HeadHash: last.Hash, BeforeUS: before.at,
		NamedAtUS: before.at,
	}
	sums := closing.New(in)
	for i := range records {
		require.NoError(t, sums.Add(&records[i]))
	}
	for _, to, more := sums.Unknown(); more; _, to, more = sums.Unknown() {
		sums.Seen(nil, to) // the numbers of a till grow
	}
	c, at, err := sums.Closing(last.RecordedAtUS + 5)
	require.NoError(t, err)
	c.Promise = s.key.SignClosing(promise.Closing{
		Issuer: "https://shop.example", ClosingHash: closing.Hash(c), StoreID: "s1", TerminalID: terminal, ClosingNumber: in.Number,
		IssuedAt: time.UnixMicro(at).Unix(),
	})
	body, err := json.Marshal(c)
	require.NoError(t, err)
	s.closed[terminal] = &closedDay{in.Number, in.To, at}
	return []any{terminal, int64(in.Number), int64(in.From), int64(in.To), at, body}
}

// more writes what comes after, up to the n-th record.
func (s *shop) more(t testing.TB, adminURL string, n int) { s.write(t, adminURL, n) }

// publish writes the key and the rules, and the contract with its rate.
func (s *shop) publish(exec func(string, ...any)) {
	jwk := s.key.JWK()
	exec(`INSERT INTO sales.promise_key (kid, jwk, sale_id) VALUES ($1, $2, gen_random_uuid())`, jwk.Kid, string(jwk.Bytes()))
	exec(`INSERT INTO sales.loyalty_rules (version, rules_hash) VALUES ($1, $2)`, s.rules.Version, s.rules.Hash[:])
	exec(`INSERT INTO sales.loyalty_rules_text VALUES ($1, $2)`, s.rules.Version, s.rules.Text)
	exec(`INSERT INTO anchor.deployment (chain_id, genesis_hash, contract, replay) VALUES (1337, sha256('x'), $1, false)`, contract[:])
	exec(`INSERT INTO anchor.deployed (deployment, block_number) VALUES (1, 5)`)
	exec(`INSERT INTO anchor.rate VALUES ('r', $1, 'INR', 'static', '[]', '2026-11-22T04:45:31Z')`, rateValue)
}

// anchor puts every record into batches, and these into the log of a contract.
func (s *shop) anchor(t testing.TB, copied func(string, string, []string, [][]any)) {
	t.Helper()
	var leaves, members, batches, logs, events [][]any
	for len(s.leaves) > 0 {
		id := int64(s.log.Size()) + 1
		of := s.leaves[:min(s.batchOf, len(s.leaves))]
		s.leaves = s.leaves[len(of):]
		hashes := make([]common.Hash, len(of))
		for i, l := range of {
			hash, err := merkle.Leaf(l.hash, l.wei)
			require.NoError(t, err)
			hashes[i] = hash
		}
		tree, err := merkle.Build(hashes)
		require.NoError(t, err)
		for i, l := range of {
			rate := new("r")
			if l.zero {
				rate = nil
			}
			index, _ := tree.Index(hashes[i])
			leaves = append(leaves, []any{l.id, l.hash.Bytes(), l.wei.String(), rate, "s1"})
			members = append(members, []any{int64(1), l.id, id, int32(index)})
		}
		root := tree.Root()
		row, err := s.log.Append(batchlog.Batch{ID: uint64(id), Root: root, Size: uint32(len(of))})
		require.NoError(t, err)
		batches = append(batches, []any{int64(1), id, root.Bytes(), int32(len(of))})
		logs = append(logs, []any{int64(1), id, s.log.Root().Bytes(), row.Bytes()})
		events = append(events, []any{int64(1), id, "final", "99"})
	}
	copied("anchor", "leaf", []string{"sale_id", "sale_hash", "amount_wei", "rate_id", "store_id"}, leaves)
	copied("anchor", "batch", []string{"deployment", "batch_id", "root", "size"}, batches)
	copied("anchor", "batch_leaf", []string{"deployment", "sale_id", "batch_id", "leaf_index"}, members)
	copied("anchor", "log", []string{"deployment", "batch_id", "root", "nodes"}, logs)
	copied("anchor", "batch_event", []string{"deployment", "batch_id", "state", "block_number"}, events)
}
