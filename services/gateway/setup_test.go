package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
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
	s := &shop{t: t, db: db, redis: testkit.Redis(t), nats: testkit.NATS(t)}
	bus, err := stream.Connect("tool", stream.Config{URL: config.Secret(s.nats.URL()), PeakSalesPerSecond: 1}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	require.NoError(t, bus.Ensure(t.Context())) // a NATS that is stopped while it makes a stream leaves goroutines
	s.bus = bus
	s.addGateway(adjust...)
	s.till = s.newTill("s1", "t1")
	return s
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

func (s *shop) sales() int { return query[int](s, "SELECT count(*)::int FROM audit.sale") }

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

// till is a terminal at a counter.
type till struct {
	t        *testing.T
	url, key string
}

func (t *till) at(g *gate) *till { return &till{t.t, g.url, t.key} }

// reply is what the till read.
type reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// answer is a 201's body.
type answer struct {
	SaleID     string `json:"sale_id"`
	Kind       string `json:"kind"`
	StoreID    string `json:"store_id"`
	TerminalID string `json:"terminal_id"`
	RecordedAt string `json:"recorded_at"`
	Currency   string `json:"currency"`
	Total      string `json:"total"`
	Loyalty    *struct {
		CustomerID     string `json:"customer_id"`
		PurchaseNumber int64  `json:"purchase_number"`
		FirstPurchase  bool   `json:"first_purchase"`
		PointsEarned   int64  `json:"points_earned"`
		PointsRedeemed int64  `json:"points_redeemed"`
		PointsBalance  int64  `json:"points_balance"`
	} `json:"loyalty"`
	Anchor struct {
		Status      string `json:"status"`
		SaleHash    string `json:"sale_hash"`
		ProofURL    string `json:"proof_url"`
		BatchID     string `json:"batch_id"`
		BlockNumber string `json:"block_number"`
	} `json:"anchor"`
	ReceiptURL string `json:"receipt_url"`
}

func newKey() string { return uuid.NewString() }

func (t *till) do(method, path, body string, headers ...string) reply {
	t.t.Helper()
	r, err := t.try(method, path, body, headers...)
	require.NoError(t.t, err)
	return r
}

// try sends a request; headers are name, value pairs, and an empty value takes a default away.
func (t *till) try(method, path, body string, headers ...string) (reply, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, t.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+t.key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	return exchange(req)
}

// send sends a request as it is.
func (t *till) send(req *http.Request) reply {
	t.t.Helper()
	r, err := exchange(req)
	require.NoError(t.t, err)
	return r
}

func exchange(req *http.Request) (reply, error) { return exchangeBy(http.DefaultClient, req) }

func exchangeBy(client *http.Client, req *http.Request) (reply, error) {
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, read}, err
}

// post records once, whatever comes of it.
func (t *till) post(key, body string) reply {
	t.t.Helper()
	return t.do(http.MethodPost, "/record", body, "Idempotency-Key", key)
}

// insist records as a till does, which sends the same key again after a 503: a busy machine answers that.
func (t *till) insist(key, body string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	for {
		r, err := t.try(http.MethodPost, "/record", body, "Idempotency-Key", key)
		if err != nil || r.Status != http.StatusServiceUnavailable {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, nil
		case <-time.After(askAgain):
		}
	}
}

// sell records and expects a 201.
func (t *till) sell(key, body string) (reply, answer) {
	t.t.Helper()
	r, err := t.insist(key, body)
	require.NoError(t.t, err)
	require.Equal(t.t, http.StatusCreated, r.Status, "%s", r.Body)
	return r, read[answer](t.t, r)
}

func read[T any](t *testing.T, r reply) T {
	t.Helper()
	var out T
	require.NoError(t, json.Unmarshal(r.Body, &out), "%s", r.Body)
	return out
}

// refuses expects a problem, and returns its fields.
func refuses(t *testing.T, r reply, status int, code refusal.Code) []refusal.Field {
	t.Helper()
	require.Equal(t, status, r.Status, "%s", r.Body)
	require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
	p := read[struct {
		Type, Title, Detail string
		Status              int
		Code                refusal.Code
		Errors              []refusal.Field
	}](t, r)
	require.Equal(t, code, p.Code)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Type)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		require.NotEmpty(t, r.Header.Get("Retry-After"))
	}
	return p.Errors
}

// claim puts another gateway's claim into Redis.
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
	require.NoError(s.t, client.Set(s.t.Context(), "tillseal:record:"+db.Identity()+":"+terminal+":"+key, value, life).Err())
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
