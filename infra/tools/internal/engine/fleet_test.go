package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/infra/tools/internal/copies"
	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// fleet is two of each service on a JetStream cluster of three nodes.
type fleet struct {
	t        *testing.T
	nats     *local.NATSCluster
	seed     func(identity string) (path string)
	js       jetstream.JetStream // the operator's
	conn     *nats.Conn
	audit    *pgx.Conn
	gateways []*engine.Engine // each as a till sees it
	till     engine.Terminal

	mu   sync.Mutex
	sold map[string]bool
	last string // sold
}

func openFleet(t *testing.T) *fleet {
	t.Helper()
	dir := t.TempDir()
	seed := func(name string) string { return filepath.Join(dir, name+".nk") }
	keys, err := identity.Keep(seed)
	require.NoError(t, err)
	conf, err := identity.ServerConf(keys)
	require.NoError(t, err)
	refusals := &violations{t: t}
	t.Cleanup(func() { require.Zero(t, refusals.seen.Load(), "each identity has the rights that it needs") })
	f := &fleet{t: t, seed: seed, sold: make(map[string]bool), nats: testkit.NATSCluster(t, func(c *local.NATSClusterConfig) {
		c.Conf, c.Log = conf, slog.New(slog.NewTextHandler(refusals, &slog.HandlerOptions{Level: slog.LevelError}))
	})}
	db, redis := testkit.Database(t), testkit.Redis(t)
	chain := testkit.Chain(t, func(c *local.ChainConfig) { c.Period = local.DefaultPeriod })
	key := filepath.Join(t.TempDir(), "promise.pem")
	_, err = promise.KeepKey(key)
	require.NoError(t, err)
	environ := []string{
		"NATS_URL=" + f.nats.URL(), "NATS_REPLICAS=3", "PEAK_SALES_PER_SECOND=5", "LOG_LEVEL=warn", "REDIS_URL=" + redis.URL(), "GATEWAY_ADDR=127.0.0.1:0",
		"PROMISE_KEY_FILE=" + key, "PROMISE_ISSUER=https://shop.example",
		"RATE_STATIC=INR=254321.17", "WEB3_PROVIDER=" + chain.URL(), "ANCHOR_PRIVATE_KEY=" + testkit.DevKey, "ANCHOR_DEPLOY=true", "ANCHOR_FINALITY=latest",
		"ANCHOR_BATCH_AGE=200ms", "ANCHOR_POLL=100ms",
		"REPAIR_AFTER=10m", // what the transport loses stays lost within this test
	}
	addresses := make(chan string, 2)
	for range 2 {
		serve(t, environ, seed(identity.Gateway), db.Gateway, func(ctx context.Context, cfg gateway.Config) error {
			cfg.Listening = func(addr string) { addresses <- addr }
			return gateway.Run(ctx, cfg)
		})
		serve(t, environ, seed(identity.Pricing), "", pricing.Run)
		serve(t, environ, seed(identity.Anchor), db.Anchor, anchor.Run)
		serve(t, environ, seed(identity.Ledger), db.Ledger, ledger.Run)
	}
	for range 2 {
		f.gateways = append(f.gateways, &engine.Engine{GatewayURL: "http://" + <-addresses, NATSURL: f.nats.URL(), NKeyFile: seed(identity.Operator)})
	}
	require.NoError(t, copies.Make(t.Context(), copies.Config{Stream: stream.Config{
		URL: config.Secret(f.nats.URL()), NKeyFile: seed(identity.Copier), PeakSalesPerSecond: 5, Replicas: 3,
	}}, slog.New(slog.NewTextHandler(t.Output(), nil))))
	f.till, err = f.gateways[0].AddTerminal(t.Context(), "s1", "t1")
	require.NoError(t, err)
	login, err := nats.NkeyOptionFromSeed(seed(identity.Operator))
	require.NoError(t, err)
	f.conn, err = nats.Connect(f.nats.URL(), login, nats.MaxReconnects(-1), nats.CustomInboxPrefix(identity.InboxPrefix(identity.Operator)))
	require.NoError(t, err)
	t.Cleanup(f.conn.Close)
	f.js, err = jetstream.New(f.conn)
	require.NoError(t, err)
	f.audit, err = pgx.Connect(t.Context(), db.Auditor)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.audit.Close(context.WithoutCancel(t.Context())) })
	return f
}

// violations counts what the servers refused for want of a right.
type violations struct {
	t    *testing.T
	seen atomic.Int64
}

func (v *violations) Write(line []byte) (int, error) {
	if bytes.Contains(bytes.ToLower(line), []byte("violation")) {
		v.seen.Add(1)
	}
	v.t.Log(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

// serve runs a service through its door until the test ends; one that ends by itself fails the test.
func serve[C any](t *testing.T, environ []string, seed, dbURL string, door func(context.Context, C) error) {
	t.Helper()
	cfg, err := config.Load[C](append(slices.Clone(environ), "DB_URL="+dbURL, "NATS_NKEY_FILE="+seed))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- door(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
}

// sell has a till of its own record sales at one gateway until ctx ends.
func (f *fleet) sell(ctx context.Context, gateway *engine.Engine) error {
	for n := 0; ctx.Err() == nil; n++ {
		record := fmt.Sprintf(`{"currency":"INR","total":"%d.50","customer_id":"C-%d"}`, 100+n, n%7)
		key, status, body := uuid.NewString(), http.StatusServiceUnavailable, []byte(nil)
		for end := time.Now().Add(soon); status == http.StatusServiceUnavailable && time.Now().Before(end); { // as tills do, with the same key
			var err error
			if status, body, err = gateway.Do(f.t.Context(), f.till.Key, http.MethodPost, "/record", key, record); err != nil {
				return err
			}
		}
		var a struct {
			SaleID string `json:"sale_id"`
		}
		if err := json.Unmarshal(body, &a); err != nil || status != http.StatusCreated {
			return fmt.Errorf("the sale was answered %d: %s", status, body)
		}
		f.mu.Lock()
		f.sold[a.SaleID] = true
		f.last = a.SaleID
		f.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(betweenSales): // the pace of a till, nothing that is waited for
		}
	}
	return nil
}

// one reads a number as an auditor.
func (f *fleet) one(sql string, args ...any) (n int) {
	f.t.Helper()
	require.NoError(f.t, f.audit.QueryRow(f.t.Context(), sql, args...).Scan(&n))
	return n
}

// requireProgress waits until a sale is in the ledger that was recorded after now.
func (f *fleet) requireProgress(after string) {
	f.t.Helper()
	f.mu.Lock()
	seen := len(f.sold)
	f.mu.Unlock()
	var id string
	testkit.Eventually(f.t, soon, "a sale recorded after "+after+" is in the ledger", func() error {
		f.mu.Lock()
		if len(f.sold) > seen && id == "" {
			id = f.last
		}
		f.mu.Unlock()
		if id == "" || f.one("SELECT count(*) FROM audit.anchored WHERE sale_id::text = $1", id) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
}

// leader is the node that leads a stream, or its durable.
func (f *fleet) leader(of, durable string) (name string) {
	f.t.Helper()
	testkit.Eventually(f.t, soon, of+" "+durable+" has a leader", func() error {
		ctx, cancel := context.WithTimeout(f.t.Context(), askLimit)
		defer cancel()
		var cluster *jetstream.ClusterInfo
		s, err := f.js.Stream(ctx, of)
		if err == nil {
			cluster = s.CachedInfo().Cluster
		}
		if err == nil && durable != "" {
			var c jetstream.Consumer
			if c, err = s.Consumer(ctx, durable); err == nil {
				cluster = c.CachedInfo().Cluster
			}
		}
		if err == nil && (cluster == nil || cluster.Leader == "") {
			err = errors.New("nobody leads")
		}
		if err == nil {
			name = cluster.Leader
		}
		return err
	})
	return name
}

// stepDown has another node lead a stream or a durable.
func (f *fleet) stepDown(subject string) {
	f.t.Helper()
	testkit.Eventually(f.t, soon, subject, func() error {
		msg, err := f.conn.Request("$JS.API."+subject, nil, askLimit)
		if err != nil {
			return err
		}
		var answer struct{ Success bool }
		if err := json.Unmarshal(msg.Data, &answer); err != nil || !answer.Success {
			return fmt.Errorf("%s", msg.Data)
		}
		return nil
	})
}

// requireCopied reads what downstream systems receive, until every sale is among it.
func (f *fleet) requireCopied() {
	f.t.Helper()
	login, err := nats.NkeyOptionFromSeed(f.seed(identity.Downstream))
	require.NoError(f.t, err)
	conn, err := nats.Connect(f.nats.URL(), login, nats.CustomInboxPrefix(identity.InboxPrefix(identity.Downstream)))
	require.NoError(f.t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(f.t, err)
	reader, err := js.OrderedConsumer(f.t.Context(), stream.SalesAnchored, jetstream.OrderedConsumerConfig{})
	require.NoError(f.t, err)
	missing := maps.Clone(f.sold)
	testkit.Eventually(f.t, soon, "every sale is in the copy", func() error {
		for len(missing) > 0 {
			msg, err := reader.Next(jetstream.FetchMaxWait(askLimit))
			if err != nil { // the node that keeps the consumer may not be known yet
				return fmt.Errorf("%d are missing: %w", len(missing), err)
			}
			delete(missing, msg.Headers().Get("ce-subject"))
		}
		return nil
	})
}

const (
	tills        = 6
	betweenSales = 25 * time.Millisecond
	askLimit     = 10 * time.Second // of one try
)

func TestAClusterThatLosesANodeAndItsLeadersLosesAndDoublesNoSale(t *testing.T) {
	f := openFleet(t)
	ctx, closeShop := context.WithCancel(t.Context())
	defer closeShop()
	var selling errgroup.Group
	for i := range tills {
		selling.Go(func() error { return f.sell(ctx, f.gateways[i%2]) })
	}
	f.requireProgress("the start")
	for _, s := range []string{stream.SalesRecorded, stream.SalesPriced, stream.SalesAnchored, stream.SalesClosed, stream.Batches, stream.SalesDLQ} {
		found, err := f.js.Stream(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, 3, found.CachedInfo().Config.Replicas)
	}
	f.stepDown("STREAM.LEADER.STEPDOWN." + stream.SalesPriced)
	f.stepDown("CONSUMER.LEADER.STEPDOWN." + stream.SalesRecorded + "." + stream.DurablePricing)
	f.stepDown("CONSUMER.LEADER.STEPDOWN." + stream.SalesAnchored + "." + stream.DurableLedger)
	f.requireProgress("the leaders stepped down")
	lost, err := f.nats.Node(f.leader(stream.SalesRecorded, stream.DurablePricing))
	require.NoError(t, err)
	lost.Stop()
	f.requireProgress("the loss of a node")
	require.NoError(t, lost.Restart(t.Context()))
	f.requireProgress("its return")
	closeShop()
	require.NoError(t, selling.Wait())

	ids := slices.Collect(maps.Keys(f.sold))
	testkit.Eventually(t, soon, "every sale is in the ledger", func() error {
		if n := f.one("SELECT count(*) FROM audit.anchored JOIN audit.sale USING (sale_id)" + ofTills); n < len(ids) {
			return fmt.Errorf("%d of %d", n, len(ids))
		}
		return nil
	})
	for view, what := range map[string]string{"audit.sale": "recorded", "audit.batch_leaf": "in a batch", "audit.anchored": "in the ledger"} {
		require.Equal(t, len(ids), f.one("SELECT count(*) FROM "+view+" WHERE sale_id IN (SELECT sale_id FROM audit.sale"+ofTills+")"), "none is %s twice", what)
		require.Equal(t, len(ids), f.one("SELECT count(DISTINCT sale_id) FROM "+view+" WHERE sale_id::text = ANY($1)", ids), "each is %s", what)
	}
	f.requireCopied()
	parked, err := f.js.Stream(t.Context(), stream.SalesDLQ)
	require.NoError(t, err)
	require.Zero(t, parked.CachedInfo().State.Msgs)
	t.Logf("%d sales", len(ids))
}
