package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/lifecycle"
	"github.com/tillseal/tillseal/shared/testkit"
)

// asProgram makes this test binary an engine that runs until it is stopped or killed.
const asProgram = "ENGINE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		lifecycle.Main("engine", "", func(ctx context.Context, cfg engine.Config) error {
			e, err := engine.Start(ctx, cfg)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintln(os.Stdout, readyLine)
			<-ctx.Done()
			return e.Close(ctx)
		})
	}
	if os.Getenv(asGateway) != "" {
		serveAsGateway()
	}
	testkit.Main(m)
}

const (
	readyLine = "tills are served"
	soon      = 2 * time.Minute // a whole engine on a busy machine
)

// shop is a running engine with a till.
type shop struct {
	t    *testing.T
	e    *engine.Engine
	till engine.Terminal
}

// directory is for an engine: Postgres's own user passes through it.
func directory(t *testing.T) engine.Config {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	return engine.Config{
		Dir: dir, GatewayAddr: "127.0.0.1:0", Progress: t.Output(),
		Environ: []string{"ANCHOR_BATCH_AGE=100ms", "ANCHOR_POLL=100ms", "REPAIR_AFTER=1s"},
	}
}

func open(t *testing.T, cfg engine.Config) *shop {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	e, err := engine.Start(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, e.Close(t.Context()))
		requireNoViolation(t, cfg.Dir)
	})
	till, err := e.Terminal(ctx)
	require.NoError(t, err)
	return &shop{t: t, e: e, till: till}
}

// violation is a line by which a service or the server reports that a right is missing.
var violation = regexp.MustCompile(`(?i).*violation.*`)

// requireNoViolation reads every log: NATS refused nothing, so each identity has the rights that it needs.
func requireNoViolation(t *testing.T, dir string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, logs)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Empty(t, violation.FindString(string(text)), path)
	}
}

// operator is a connection as an operator's.
func (s *shop) operator(options ...nats.Option) *nats.Conn {
	s.t.Helper()
	login, err := nats.NkeyOptionFromSeed(s.e.NKeyFile)
	require.NoError(s.t, err)
	conn, err := nats.Connect(s.e.NATSURL, append(options, login, nats.CustomInboxPrefix(identity.InboxPrefix(identity.Operator)))...)
	require.NoError(s.t, err)
	s.t.Cleanup(conn.Close)
	return conn
}

type answer struct {
	till        engine.Terminal
	key, record string
	saleID      string
	body        string
}

func (s *shop) record(key, record string) answer {
	s.t.Helper()
	a, _, err := s.send(key, record)
	require.NoError(s.t, err)
	return a
}

// send has the till record a sale. A 503 is no answer: a till sends the same key again; asked counts how often.
func (s *shop) send(key, record string) (a answer, asked int, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), soon)
	defer cancel()
	for asked = 1; ; asked++ {
		status, body, err := s.e.Do(ctx, s.till.Key, http.MethodPost, "/record", key, record)
		switch {
		case err != nil:
			return answer{}, asked, err
		case status == http.StatusCreated:
			return answer{till: s.till, key: key, record: record, saleID: saleID(body), body: string(body)}, asked, nil
		case status != http.StatusServiceUnavailable:
			return answer{}, asked, fmt.Errorf("the sale was answered %d %s", status, body)
		}
		select {
		case <-ctx.Done():
			return answer{}, asked, fmt.Errorf("the sale was answered 503 %s until the end", body)
		case <-time.After(awayPace):
		}
	}
}

// saleID is an answer's; "" when it is none.
func saleID(body []byte) string {
	var a struct {
		SaleID string `json:"sale_id"`
	}
	_ = json.Unmarshal(body, &a) // which no proof is found for
	return a.SaleID
}

func (s *shop) sell(n int) (sold []answer) {
	for i := range n {
		sold = append(sold, s.record(uuid.NewString(), fmt.Sprintf(`{"currency":"INR","total":"%d.50","customer_id":"C-%d"}`, 100+i, i%3)))
	}
	return sold
}

// requireAnchored waits for a sale's proof and checks it against the chain.
func (s *shop) requireAnchored(a answer) []byte {
	s.t.Helper()
	proof, err := s.e.AwaitProof(s.t.Context(), a.till.Key, a.saleID)
	require.NoError(s.t, err)
	chain, err := node.Dial(s.t.Context(), s.e.ChainURL)
	require.NoError(s.t, err)
	defer chain.Close()
	var steps bytes.Buffer
	verdict, err := verify.Run(s.t.Context(), proof, chain, verify.Options{}, &steps)
	require.NoError(s.t, err)
	require.True(s.t, verdict.Valid(), "%s", &steps)
	return proof
}

// requireReplayed sends a record again and expects the very bytes of its first answer.
func (s *shop) requireReplayed(a answer) {
	s.t.Helper()
	require.Equal(s.t, a.body, (&shop{s.t, s.e, a.till}).record(a.key, a.record).body)
}

// audit reads one text as an auditor.
func (s *shop) audit(sql string) (text string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.e.AuditorURL)
	require.NoError(s.t, err)
	defer func() { _ = conn.Close(s.t.Context()) }()
	require.NoError(s.t, conn.QueryRow(s.t.Context(), sql).Scan(&text))
	return text
}

// ofTills leaves out the records that no till sends, such as that of the promises' key.
const ofTills = " WHERE terminal_id <> 'operator'"

// requireOnce checks that what was sold is in the books once and in one batch.
func (s *shop) requireOnce(sold ...answer) {
	s.t.Helper()
	n := strconv.Itoa(len(sold))
	require.Equal(s.t, n, s.audit("SELECT count(*)::text FROM audit.sale"+ofTills))
	require.Equal(s.t, n, s.audit("SELECT count(*)::text FROM audit.batch_leaf JOIN audit.sale USING (sale_id)"+ofTills))
	require.Equal(s.t, n, s.audit("SELECT count(DISTINCT sale_id)::text FROM audit.batch_leaf JOIN audit.sale USING (sale_id)"+ofTills))
}

func TestASaleIsAnchoredAndIndependentCodeVerifiesIt(t *testing.T) {
	cfg := directory(t)
	cfg.MetricsPort = testkit.FreePorts(t, 4)
	cfg.Environ = append(cfg.Environ, fmt.Sprintf("RATE_FEEDS=coingecko=http://127.0.0.1:%d", testkit.FreePort(t))) // where nothing listens
	s := open(t, cfg)
	requireMetrics(t, cfg.MetricsPort)
	sold := s.sell(5)
	for _, a := range sold {
		s.requireAnchored(a)
	}
	s.requireOnce(sold...)
	proof := s.requireAnchored(sold[0])
	require.Contains(t, independent(t, s.e.ChainURL, proof), "\nvalid\n")
	s.requireKept(sold, proof)
	refund := s.record(uuid.NewString(), `{"kind":"refund","refund_of":"`+strings.ToUpper(sold[0].saleID)+`","currency":"INR","total":"0.50"}`)
	require.Contains(t, independent(t, s.e.ChainURL, s.requireAnchored(refund)), "\nvalid\n", "a UUID is the same in either case")
	changed := bytes.Replace(proof, []byte(`"total":"100.50"`), []byte(`"total":"100.51"`), 1)
	require.NotEqual(t, proof, changed)
	require.Contains(t, independent(t, s.e.ChainURL, changed), "\ninvalid: ")
}

// independent verifies with ethers and @openzeppelin/merkle-tree: nothing of ours has a part in it.
func independent(t *testing.T, rpc string, proof []byte) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "../../../../contracts/tools/third-party.mjs", rpc, "-")
	cmd.Stdin = bytes.NewReader(proof)
	out, err := cmd.CombinedOutput()
	if _, refused := err.(*exec.ExitError); err != nil && !refused { //nolint:errorlint // from Cmd itself
		require.NoError(t, err, "node and the npm tools are needed: make tools")
	}
	return "\n" + string(out)
}

func TestARetryGetsTheSameBytesWhateverHappenedInBetween(t *testing.T) {
	s := open(t, directory(t))
	a := s.record(uuid.NewString(), `{"currency":"INR","total":"1249.50","customer_id":"C-1001"}`)
	s.requireReplayed(a)
	options, err := redis.ParseURL(s.e.RedisURL)
	require.NoError(t, err)
	cache := redis.NewClient(options)
	defer func() { _ = cache.Close() }()
	require.NoError(t, cache.FlushAll(t.Context()).Err())
	s.requireReplayed(a)
	s.requireAnchored(a)
	require.NoError(t, cache.FlushAll(t.Context()).Err())
	s.requireReplayed(a)
	s.requireOnce(a)
}

func TestTheNextStartGoesOnFromHere(t *testing.T) {
	cfg := directory(t)
	first := open(t, cfg)
	sold := first.sell(3)
	before := first.requireAnchored(sold[0])
	late := first.sell(2) // on their way when everything stops
	require.NoError(t, first.e.Close(t.Context()))

	again := open(t, cfg)
	require.Equal(t, first.till, again.till)
	require.Equal(t, chainOf(t, before), chainOf(t, again.requireAnchored(sold[0])), "the same batch in the same block")
	all := append(append(sold, late...), again.sell(2)...)
	for _, a := range all {
		again.requireReplayed(a)
		again.requireAnchored(a)
	}
	again.requireOnce(all...)
}

// chainOf is where the sale is anchored according to its proof; the finality may have grown.
func chainOf(t *testing.T, proof []byte) string {
	t.Helper()
	var p struct {
		Batch json.RawMessage
		Chain map[string]string
	}
	require.NoError(t, json.Unmarshal(proof, &p))
	delete(p.Chain, "finality")
	return fmt.Sprint(string(p.Batch), p.Chain)
}

func TestATakenPortIsNamedAndNothingIsLeftRunning(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	for variable, occupy := range map[string]func(*engine.Config){
		"CHAIN_PORT":    func(c *engine.Config) { c.ChainPort = port },
		"NATS_PORT":     func(c *engine.Config) { c.NATSPort = port },
		"REDIS_PORT":    func(c *engine.Config) { c.RedisPort = port },
		"POSTGRES_PORT": func(c *engine.Config) { c.PostgresPort = port },
		"GATEWAY_ADDR":  func(c *engine.Config) { c.GatewayAddr = "127.0.0.1:" + strconv.Itoa(port) },
	} {
		cfg := directory(t)
		occupy(&cfg)
		_, err := engine.Start(t.Context(), cfg)
		require.ErrorContains(t, err, variable)
		require.Empty(t, processesNaming(t, cfg.Dir))
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	good := directory(t)
	require.NoError(t, good.Check())
	for variable, spoil := range map[string]func(*engine.Config){
		"RUN_DIR":      func(c *engine.Config) { c.Dir = "" },
		"GATEWAY_ADDR": func(c *engine.Config) { c.GatewayAddr = "8080" },
		"NATS_PORT":    func(c *engine.Config) { c.NATSPort = 70_000 },
		"REDIS_PORT":   func(c *engine.Config) { c.RedisPort, c.ChainPort = 9, 9 },
		"RATE_STATIC":  func(c *engine.Config) { c.Environ = []string{"RATE_STATIC=INR=many"} },
		"ANCHOR_POLL":  func(c *engine.Config) { c.Environ = []string{"RATE_STATIC=INR=many", "ANCHOR_POLL=soon"} }, // not the first alone
	} {
		cfg := good
		spoil(&cfg)
		_, err := engine.Start(t.Context(), cfg)
		require.ErrorContains(t, err, variable)
	}
}
