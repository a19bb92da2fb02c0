package closer_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/closer"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// records are those of a till's day: a receipt of two lines each.
const records = `INSERT INTO sales.sale (sale_id, kind, refund_of, store_id, terminal_id, chain, record_number, previous_hash, idempotency_key, terminal_seq,
		currency, total, total_minor, points_earned, points_redeemed, points_delta, points_balance, purchase_number, recorded_at_us, request, fingerprint, salt,
		sale_hash, receipt_token, answer)
	SELECT gen_random_uuid(), 'sale', NULL, 's1', 't1', 't1', n, sha256('x'), gen_random_uuid(), n, 'INR', '1249.50', 124950, 1, 0, 1, n, n, n,
		convert_to(format('{"currency":"INR","total":"1249.50","terminal_seq":%s,"lines":[{"sku":"TEA-250","name":"Assam tea, loose leaf, 250 g","quantity":"2",'
			|| '"unit_price":"499.75","tax":"100.00"},{"sku":"CUP-1","name":"Cup, stoneware, blue","quantity":"1","unit_price":"150.00"}],'
			|| '"tenders":[{"type":"cash","amount":"1000.00"},{"type":"card","amount":"249.50"}],"occurred_at":"2026-11-22T10:15:30+05:30"}', n), 'UTF8'),
		sha256('x'), sha256('x'), sha256('x'), 'x', convert_to(repeat('answer ', 180), 'UTF8')
	FROM generate_series(1, 100000) n`

// BenchmarkClosing closes a till with 100,000 records; the limit is 2 s.
func BenchmarkClosing(b *testing.B) {
	db := testkit.Database(b)
	s, err := store.Open(b.Context(), config.Secret(db.Gateway))
	require.NoError(b, err)
	defer s.Close()
	require.NoError(b, s.AddTerminal(b.Context(), "t1", "s1", [32]byte{1}))
	admin, err := pgx.Connect(b.Context(), db.Admin)
	require.NoError(b, err)
	defer admin.Close(context.Background())
	for _, statement := range []string{
		records, `UPDATE sales.terminal_head SET records = 100000, head_hash = sha256('x') WHERE terminal_id = 't1'`, "VACUUM ANALYZE",
	} {
		_, err := admin.Exec(b.Context(), statement)
		require.NoError(b, err)
	}
	c, err := closer.New(closer.Parts{
		Store: s, Ready: func() bool { return true }, Sign: func(*event.SalesClosed, common.Hash) string { return "signed" },
		Publish: func(event.SalesClosed, event.Trace) {}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(b, err)
	defer c.Close()
	for b.Loop() {
		_, _, err := c.Make(b.Context(), store.Terminal{ID: "t1", StoreID: "s1"}, uuid.New(), "")
		require.NoError(b, err)
		b.StopTimer()
		_, err = admin.Exec(b.Context(), "DELETE FROM sales.closing")
		require.NoError(b, err)
		b.StartTimer()
	}
}
