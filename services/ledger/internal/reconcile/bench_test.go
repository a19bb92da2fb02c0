package reconcile

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger/internal/promises"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// fillSQL fills a database with n sales that all are anchored and have reached the ledger, one a millisecond up to a minute ago, in batches
// of 4,096, and with a closing for each ten of them.
const fillSQL = `
SET synchronous_commit = off;
INSERT INTO anchor.deployment (chain_id, genesis_hash, contract, replay) VALUES (1337, decode(repeat('01', 32), 'hex'), decode(repeat('02', 20), 'hex'), true);
INSERT INTO anchor.rate VALUES ('INR', '254321.17', 'INR', 'static', '[]', '2026-11-22T04:45:31Z');
CREATE TEMP TABLE made AS
SELECT n, (lpad(to_hex(1795000000000 + n), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid AS id,
       decode(lpad(to_hex(n), 64, '0'), 'hex') AS hash, 1 + n / 4096 AS batch,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 60000000 - (@sales - n)::bigint * 1000 AS us
FROM generate_series(0, @sales - 1) n;
INSERT INTO sales.sale SELECT id, 'sale', NULL, 's1', 't1', id, NULL, NULL, 'INR', '1249.50', 124950, 0, 0, 0, 0, 0, NULL, NULL, us,
       '{"currency":"INR","total":"1249.50"}', hash, hash, hash, 'token', repeat('a', 400)::bytea, 't1', n + 1, hash FROM made ORDER BY n;
INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, rate_id, store_id, at) SELECT id, hash, 1, 'INR', 's1', now() - interval '1 hour' FROM made ORDER BY n;
INSERT INTO anchor.batch SELECT 1, batch, decode(repeat('03', 32), 'hex'), count(*) FROM made GROUP BY batch;
INSERT INTO anchor.batch_leaf SELECT 1, id, batch, n % 4096 FROM made ORDER BY n;
INSERT INTO anchor.batch_event (deployment, batch_id, state, at) SELECT 1, batch_id, state, now() - interval '1 minute'
FROM anchor.batch, unnest(ARRAY['sealed', 'broadcast', 'mined', 'final']) WITH ORDINALITY AS e (state, n) ORDER BY batch_id, n;
INSERT INTO ledger.batch SELECT 1, batch_id, root, size, 'final', NULL, NULL, NULL, NULL, batch_id, now() FROM anchor.batch;
INSERT INTO ledger.anchored SELECT id, 1, batch, n % 4096, 's1', hash, 1, hash, '', hash, 1337, decode(repeat('02', 20), 'hex'), hash, 1, hash, 'latest', now()
FROM made ORDER BY n;
INSERT INTO sales.terminal (terminal_id, store_id) VALUES ('t1', 's1');
INSERT INTO sales.closing SELECT 't1', 1 + n / 10, 's1', 't1', id, n + 1, n + 10, us, '{}' FROM made WHERE n % 10 = 0 ORDER BY n;
INSERT INTO ledger.closed SELECT chain, closing_number FROM sales.closing;
`

// atRest makes such a database with every durable there and idle, and a leader over it.
func atRest(t testing.TB, sales int) (*leader, *pgx.Conn) {
	db := testkit.Database(t)
	admin, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close(t.Context()) })
	_, err = admin.Exec(t.Context(), strings.ReplaceAll(fillSQL, "@sales", strconv.Itoa(sales)))
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), "VACUUM ANALYZE")
	require.NoError(t, err)
	pool, err := pgxpool.New(t.Context(), db.Ledger)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	bus, err := stream.Connect("bench", stream.Config{URL: config.Secret(testkit.NATS(t).URL()), PeakSalesPerSecond: 100}, log)
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	require.NoError(t, bus.Ensure(t.Context()))
	for i, durable := range stream.Durables() {
		name := []string{stream.SalesRecorded, stream.SalesPriced, stream.SalesDLQ, stream.SalesAnchored, stream.Batches, stream.SalesClosed}[i]
		_, err := bus.JS.CreateConsumer(t.Context(), name, jetstream.ConsumerConfig{Durable: durable, AckPolicy: jetstream.AckExplicitPolicy})
		require.NoError(t, err)
	}
	r := &Reconciler{
		Pool: pool, Bus: bus, Log: log, Metrics: NewMetrics(prometheus.NewRegistry()), RepairAfter: 30 * time.Second, RepairMax: 10 * time.Minute,
		Alarm: promises.Alarm{Log: log, Within: 24 * time.Hour},
	}
	session, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	t.Cleanup(session.Release)
	l, err := r.begin(t.Context(), session.Conn())
	require.NoError(t, err)
	return l, admin
}

// cpu is the time that this process, NATS included, and the session's Postgres process have computed.
func (l *leader) cpu(t testing.TB) time.Duration {
	var own syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &own))
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.session.PgConn().PID()))
	require.NoError(t, err)
	_, fields, _ := strings.Cut(string(stat), ") ") // proc(5): utime and stime are the 14th and 15th, in hundredths of a second
	spent := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	for _, text := range strings.Fields(fields)[11:13] {
		ticks, err := strconv.Atoi(text)
		require.NoError(t, err)
		spent += time.Duration(ticks) * 10 * time.Millisecond
	}
	return spent
}

// BenchmarkAtRest is what a tick costs when every sale is anchored: the processor's time in the ledger, NATS and Postgres, as a
// share of the four seconds between two ticks. The first ticks, which search the whole table once, are a metric of their own.
// BENCH_SALES sets the size of the table.
//
//	BENCH_SALES=5000000 go test -run '^$' -bench AtRest -benchtime 500x -timeout 30m ./services/ledger/internal/reconcile
func BenchmarkAtRest(b *testing.B) {
	sales := 100_000
	if text := os.Getenv("BENCH_SALES"); text != "" {
		var err error
		sales, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	l, _ := atRest(b, sales)
	begun := time.Now()
	for more := true; more; {
		var err error
		more, err = l.tick(b.Context())
		require.NoError(b, err)
	}
	first := time.Since(begun)
	before := l.cpu(b)
	for b.Loop() {
		more, err := l.tick(b.Context())
		require.NoError(b, err)
		require.False(b, more)
	}
	spent := l.cpu(b) - before
	now := time.Now()
	b.Log(l.explain(b, searchSQL, l.statements(now)[searchSQL]))
	b.Log(l.explain(b, stagesSQL, l.statements(now)[stagesSQL]))
	b.Log(l.explain(b, promises.UnkeptSQL, l.statements(now)[promises.UnkeptSQL]))
	tick := spent / time.Duration(b.N)
	b.ReportMetric(100*tick.Seconds()/l.atRest().Seconds(), "%core")
	b.ReportMetric(1000*tick.Seconds(), "cpu-ms/tick")
	b.ReportMetric(first.Seconds(), "s/first-search")
}
