package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/export"
	"github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
	"github.com/tillseal/tillseal/shared/testkit"
)

// asProgram makes this test binary the command.
const asProgram = "EXPORT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(export.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
	testkit.Main(m)
}

const soon = 2 * time.Minute // a limit for what takes milliseconds when the machine is not busy

// shop is a gateway with what it needs, all real.
type shop struct {
	t   *testing.T
	db  testkit.DB
	bus *stream.Bus
	url string
	log testkit.Log
}

func setup(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, db: testkit.Database(t)}
	nats := testkit.NATS(t)
	bus, err := stream.Connect("tool", stream.Config{URL: config.Secret(nats.URL()), PeakSalesPerSecond: 1}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	require.NoError(t, bus.Ensure(t.Context()))
	s.bus = bus
	keyFile := filepath.Join(t.TempDir(), "promise.pem")
	_, err = promise.KeepKey(keyFile)
	require.NoError(t, err)
	ready := make(chan string, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- gateway.Run(ctx, gateway.Config{
			Telemetry: telemetry.Config{LogLevel: "info", LogOutput: &s.log},
			Stream:    stream.Config{URL: config.Secret(nats.URL()), PeakSalesPerSecond: 1},
			DBURL:     config.Secret(s.db.Gateway), RedisURL: config.Secret(testkit.Redis(t).URL()), Addr: "127.0.0.1:0", TerminalRate: 100_000,
			PromiseKeyFile: keyFile, PromiseIssuer: "https://shop.example", PromiseWithin: 24 * time.Hour,
			Listening: func(addr string) { ready <- addr },
		})
	}()
	t.Cleanup(func() {
		cancel()
		if s.url != "" {
			require.NoError(t, <-done)
		}
	})
	select {
	case addr := <-ready:
		s.url = "http://" + addr
	case err := <-done:
		t.Fatalf("the gateway did not start: %v", err)
	case <-time.After(soon):
		t.Fatalf("the gateway did not start in time: %s", s.log.String())
	}
	return s
}

// ask asks the gateway as an operator does.
func ask[T any](s *shop, subject string, req any) (answer T) {
	s.t.Helper()
	testkit.Eventually(s.t, soon, "the gateway answers operators", func() (err error) {
		answer, err = stream.Ask[T](s.t.Context(), s.bus, subject, req)
		return err
	})
	return answer
}

func (s *shop) newTill(store, terminal string) *till {
	s.t.Helper()
	added := ask[struct {
		Key string `json:"key"`
	}](s, "ops.gateway.terminals.add", map[string]string{"store_id": store, "terminal_id": terminal})
	return &till{s, added.Key}
}

func (s *shop) exec(sql string, args ...any) {
	s.t.Helper()
	execute(s.t, s.db.Admin, sql, args...)
}

func execute(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// query reads one value.
func query[T any](s *shop, sql string, args ...any) (value T) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.db.Admin)
	require.NoError(s.t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(s.t.Context())) }()
	require.NoError(s.t, conn.QueryRow(s.t.Context(), sql, args...).Scan(&value))
	return value
}

// till is a terminal at a counter.
type till struct {
	*shop

	key string
}

// sold is what a till reads of an answer.
type sold struct {
	SaleID       string `json:"sale_id"`
	RecordedAt   string `json:"recorded_at"`
	RecordNumber int    `json:"record_number"`
	Promise      string `json:"promise"`
	ReceiptURL   string `json:"receipt_url"`

	Key string `json:"-"`
}

// post sends a request, again while the gateway is busy.
func (t *till) post(path, body string, answer any) (key string) {
	t.t.Helper()
	key = uuid.NewString()
	testkit.Eventually(t.t, soon, "the gateway takes "+path, func() error {
		req, err := http.NewRequestWithContext(t.t.Context(), http.MethodPost, t.url+path, strings.NewReader(body))
		require.NoError(t.t, err)
		req.Header.Set("Authorization", "Bearer "+t.key)
		req.Header.Set("Idempotency-Key", key)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		read, err := io.ReadAll(res.Body)
		require.NoError(t.t, err)
		if res.StatusCode == http.StatusServiceUnavailable {
			return fmt.Errorf("%s", read)
		}
		require.Equal(t.t, http.StatusCreated, res.StatusCode, "%s", read)
		require.NoError(t.t, json.Unmarshal(read, answer))
		return nil
	})
	return key
}

func (t *till) sell(body string) (s sold) {
	t.t.Helper()
	s.Key = t.post("/record", body, &s)
	return s
}

func (t *till) close() (c event.SalesClosed) {
	t.t.Helper()
	t.post("/closings", "", &c)
	return c
}

// exported is what came of a run.
type exported struct {
	t              *testing.T
	code           int
	stdout, stderr string
}

// run runs the command as an accountant does.
func (s *shop) run(args ...string) exported {
	s.t.Helper()
	return run(s.t.Context(), s.t, s.db.Auditor, args...)
}

func run(ctx context.Context, t *testing.T, url string, args ...string) exported {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := export.Main(ctx, args, []string{"DB_URL=" + url}, &stdout, &stderr)
	return exported{t, code, stdout.String(), stderr.String()}
}

// whole expects an export without a warning.
func (e exported) whole() exported {
	e.t.Helper()
	require.Zero(e.t, e.code, e.stderr)
	require.NotContains(e.t, e.stderr, "warning")
	return e
}

// table reads CSV: a row by its columns' names.
func (e exported) table() (rows []map[string]string) {
	e.t.Helper()
	all, err := csv.NewReader(strings.NewReader(e.stdout)).ReadAll()
	require.NoError(e.t, err)
	for _, cells := range all[1:] {
		row := make(map[string]string, len(cells))
		for i, name := range all[0] {
			row[name] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// column is a column of CSV.
func (e exported) column(name string) (cells []string) {
	e.t.Helper()
	for _, row := range e.table() {
		require.Contains(e.t, row, name)
		cells = append(cells, row[name])
	}
	return cells
}
