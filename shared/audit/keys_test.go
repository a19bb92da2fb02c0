package audit_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/promise"
)

// Whoever owns the database can add a key to it: the published ones tell.
func TestPromisesAreCheckedByTheKeysThatTheShopHasPublished(t *testing.T) {
	s, db := open(t, 100)
	of := func(keys ...*promise.Key) func(*audit.Options) {
		set := &promise.Set{}
		for _, k := range keys {
			set.Keys = append(set.Keys, k.JWK())
		}
		return func(o *audit.Options) { o.Keys = set }
	}
	another, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	require.Empty(t, audited(t, db, of(s.key)).Findings)
	require.Empty(t, audited(t, db, of(another, s.key)).Findings, "a key that signed nothing yet")
	require.Equal(t, map[audit.Kind]int64{audit.KeyUnpublished: 1, audit.RecordForged: 100, audit.ClosingAltered: 8}, audited(t, db, of(another)).Counts)

	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), `INSERT INTO sales.promise_key (kid, jwk, sale_id) VALUES ($1, $2, gen_random_uuid())`,
		another.ID(), string(another.JWK().Bytes()))
	require.NoError(t, err)
	require.Empty(t, audited(t, db).Findings, "the database says so")
	report := audited(t, db, of(s.key))
	require.Equal(t, map[audit.Kind]int64{audit.KeyUnpublished: 1}, report.Counts)
	require.Contains(t, report.Findings[0].Detail, another.ID())
}

// No service records as many refunds of one sale, and they are more than one page.
func TestASaleWithTooManyRefundsIsNamed(t *testing.T) {
	_, db := open(t, 100)
	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, statement := range []string{
		"SET session_replication_role = replica",
		"CREATE TEMPORARY TABLE copies AS SELECT * FROM sales.sale WHERE refund_of IS NOT NULL ORDER BY recorded_at_us LIMIT 1",
		`INSERT INTO sales.sale OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(c, jsonb_build_object('sale_id', gen_random_uuid(), 'record_number', 1000 + n,
			'idempotency_key', gen_random_uuid(), 'terminal_seq', NULL))).* FROM copies c, generate_series(1, 5001) n`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	counts := audited(t, db).Counts
	require.Equal(t, int64(1), counts[audit.RefundsExceed], "%v", counts)
}
