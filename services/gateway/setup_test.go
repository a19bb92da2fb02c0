package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		os.Exit(serveAsChild())
	}
	testkit.Main(m)
}

const (
	soon = 2 * time.Minute // a limit for what takes milliseconds when the machine is not busy
	// busyMachine is added to every promise in time that a test checks: a shared machine stands still for seconds at times,
	// and each of these tests would wait for ever, or be refused, without what it names.
	busyMachine = 4 * time.Second
	askAgain    = 25 * time.Millisecond // after a 503
	noHash      = "0x0000000000000000000000000000000000000000000000000000000000000000"
	tea         = `{"currency":"INR","total":"1249.50","customer_id":"C-1001"}`
)

// shop is a gateway with everything around it, all real.
type shop struct {
	t     *testing.T
	db    testkit.DB
	redis *local.Redis
	nats  *local.NATS
	bus   *stream.Bus // a tool's connection, to ask and to listen
	gates []*gate
	till  *till // t1 of store s1, at the first gateway

	keyFile string // of the key that signs promises
}

// gate is one running gateway.
type gate struct {
	url  string
	log  *testkit.Log
	stop func() error
}

func setup(t *testing.T, adjust ...func(*gateway.Config)) *shop {
	t.Helper()
	return open(t, testkit.Database(t), adjust...)
}

func open(t *testing.T, db testkit.DB, adjust ...func(*gateway.Config)) *shop {
	t.Helper()
	s := &shop{t: t, db: db, redis: testkit.Redis(t), nats: testkit.NATS(t), keyFile: newKeyFile(t)}
	bus, err := stream.Connect("tool", stream.Config{URL: config.Secret(s.nats.URL()), PeakSalesPerSecond: 1}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	require.NoError(t, bus.Ensure(t.Context())) // a NATS that is stopped while it makes a stream leaves goroutines
	s.bus = bus
	s.addGateway(adjust...)
	s.till = s.newTill("s1", "t1")
	return s
}

// promising has what promises need.
func promising(t *testing.T, cfg gateway.Config) gateway.Config {
	cfg.PromiseKeyFile, cfg.PromiseIssuer, cfg.PromiseWithin = newKeyFile(t), "https://shop.example", 24*time.Hour
	return cfg
}

// newKeyFile makes a key that signs promises.
func newKeyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "promise.pem")
	_, err := promise.KeepKey(path)
	require.NoError(t, err)
	return path
}

// addGateway starts another gateway on the same servers.
func (s *shop) addGateway(adjust ...func(*gateway.Config)) *gate {
	s.t.Helper()
	g := &gate{log: &testkit.Log{}}
	ready := make(chan string, 1)
	cfg := s.config(g.log, adjust...)
	cfg.Listening = func(addr string) { ready <- addr }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- gateway.Run(ctx, cfg) }()
	stopped := false
	g.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(soon):
			return fmt.Errorf("the gateway did not stop")
		}
	}
	s.t.Cleanup(func() {
		require.NoError(s.t, g.stop())
		if s.t.Failed() {
			s.t.Log(g.log.String())
		}
	})
	select {
	case addr := <-ready:
		g.url = "http://" + addr
	case err := <-done:
		s.t.Fatalf("the gateway did not start: %v", err)
	case <-time.After(soon):
		s.t.Fatal("the gateway did not start in time")
	}
	s.gates = append(s.gates, g)
	return g
}

func (s *shop) config(log io.Writer, adjust ...func(*gateway.Config)) gateway.Config {
	cfg := gateway.Config{
		Telemetry: telemetry.Config{LogLevel: "info", LogOutput: log},
		Stream:    stream.Config{URL: config.Secret(s.nats.URL()), PeakSalesPerSecond: 1},
		DBURL:     config.Secret(s.db.Gateway), RedisURL: config.Secret(s.redis.URL()), Addr: "127.0.0.1:0", TerminalRate: 100_000,
		PromiseKeyFile: s.keyFile, PromiseIssuer: "https://shop.example", PromiseWithin: 24 * time.Hour,
	}
	for _, f := range adjust {
		f(&cfg)
	}
	return cfg
}

// runAlone runs a gateway that should stop by itself, and returns why it did.
func (s *shop) runAlone(adjust ...func(*gateway.Config)) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), soon)
	defer cancel()
	return gateway.Run(ctx, s.config(io.Discard, adjust...))
}

// newTill adds a terminal as an operator does.
func (s *shop) newTill(store, terminal string) *till {
	s.t.Helper()
	var added struct {
		TerminalID string `json:"terminal_id"`
		StoreID    string `json:"store_id"`
		Key        string `json:"key"`
	}
	testkit.Eventually(s.t, soon, "the gateway answers operators", func() error {
		ctx, cancel := context.WithTimeout(s.t.Context(), soon) // asked once: a till that was made can't be made again
		defer cancel()
		var err error
		added, err = stream.Ask[struct {
			TerminalID string `json:"terminal_id"`
			StoreID    string `json:"store_id"`
			Key        string `json:"key"`
		}](ctx, s.bus, "ops.gateway.terminals.add", map[string]string{"store_id": store, "terminal_id": terminal})
		return err
	})
	require.Equal(s.t, terminal, added.TerminalID)
	require.Equal(s.t, store, added.StoreID)
	return &till{t: s.t, url: s.gates[0].url, key: added.Key}
}

// query reads one value as the auditor may, or as the admin.
func query[T any](s *shop, sql string, args ...any) T {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.db.Admin)
	require.NoError(s.t, err)
	defer conn.Close(context.Background())
	var out T
	require.NoError(s.t, conn.QueryRow(s.t.Context(), sql, args...).Scan(&out))
	return out
}

// exec runs a statement as the admin.
func (s *shop) exec(sql string, args ...any) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.db.Admin)
	require.NoError(s.t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

func (s *shop) sales() int {
	return query[int](s, "SELECT count(*)::int FROM audit.sale WHERE kind <> 'key'")
}

func (s *shop) redisClient() *redis.Client {
	s.t.Helper()
	options, err := redis.ParseURL(s.redis.URL())
	require.NoError(s.t, err)
	return redis.NewClient(options)
}

func (s *shop) flushRedis() {
	s.t.Helper()
	client := s.redisClient()
	defer client.Close()
	require.NoError(s.t, client.FlushAll(s.t.Context()).Err())
}

func (s *shop) claim(terminal, key string, life time.Duration) {
	s.t.Helper()
	s.remember(terminal, key, "c another gateway", life)
}

// remember puts a value under a record's name into Redis; life 0 is for ever.
func (s *shop) remember(terminal, key, value string, life time.Duration) {
	s.t.Helper()
	client := s.redisClient()
	defer client.Close()
	db, err := store.Open(s.t.Context(), config.Secret(s.db.Gateway))
	require.NoError(s.t, err)
	defer db.Close()
	require.NoError(s.t, db.Ping(s.t.Context()))
	require.NoError(s.t, client.Set(s.t.Context(), "tillseal:record2:"+db.Identity()+":"+terminal+":"+key, value, life).Err())
}

// redisKeys lists all that Redis holds.
func (s *shop) redisKeys() []string {
	s.t.Helper()
	client := s.redisClient()
	defer client.Close()
	keys, err := client.Keys(s.t.Context(), "*").Result()
	require.NoError(s.t, err)
	return keys
}

// lockCustomer holds a customer's row as a transaction that does nothing, until Postgres ends it after idle.
func (s *shop) lockCustomer(customer string, idle time.Duration) (release func()) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.db.Gateway)
	require.NoError(s.t, err)
	tx, err := conn.Begin(s.t.Context())
	require.NoError(s.t, err)
	_, err = tx.Exec(s.t.Context(), fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", idle.Milliseconds()))
	require.NoError(s.t, err)
	_, err = tx.Exec(s.t.Context(), "SELECT 1 FROM sales.loyalty_account WHERE customer_id = $1 FOR UPDATE", customer)
	require.NoError(s.t, err)
	return func() { _ = conn.Close(context.Background()) }
}
