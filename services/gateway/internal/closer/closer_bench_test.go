package closer_test

import (
	"context"
	"fmt"
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
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// day is a till's day: receipts of two lines each.
func day(records int) testkit.Records {
	return testkit.Records{Terminal: "t1", Count: records, Request: func(number uint64) (sale.Kind, []byte) {
		return sale.KindSale, fmt.Appendf(nil, `{"currency":"INR","total":"1249.50","terminal_seq":%d,"lines":[`+
			`{"sku":"TEA-250","name":"Assam tea, loose leaf, 250 g","quantity":"2","unit_price":"499.75","tax":"100.00"},`+
			`{"sku":"CUP-1","name":"Cup, stoneware, blue","quantity":"1","unit_price":"150.00"}],`+
			`"tenders":[{"type":"cash","amount":"1000.00"},{"type":"card","amount":"249.50"}],"occurred_at":"2026-11-22T10:15:30+05:30"}`, number)
	}}
}

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
	day(100_000).Leave(b, db.Admin)
	_, err = admin.Exec(b.Context(), "VACUUM ANALYZE")
	require.NoError(b, err)
	c, err := closer.New(closer.Parts{
		Store: s, Wire: wireOf(s), Ready: func() bool { return true }, Sign: func(*event.SalesClosed, common.Hash) string { return "signed" },
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
