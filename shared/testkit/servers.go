package testkit

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/tillseal/tillseal/shared/local"
)

// DevKey is the private key, in hex, of an account that every chain of this package funds; DevAddress is the account.
// It is the first of the well-known development mnemonic "test test … junk": never put value on it.
const DevKey = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

// DevAddress is the account of DevKey.
var DevAddress = common.HexToAddress("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")

// OwnPostgres is a Postgres of this test alone, for tests that kill or restart it; without a schema. Others share one
// by Postgres or Database.
func OwnPostgres(t testing.TB, adjust ...func(*local.PostgresConfig)) *local.Postgres {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	cfg := local.PostgresConfig{Tools: tools(ctx, t), Dir: dir(t, "postgres"), Progress: progress{t}}
	for _, f := range adjust {
		f(&cfg)
	}
	p, err := local.StartPostgres(ctx, cfg)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := stopping()
		defer cancel()
		check(t, p.Stop(ctx))
		check(t, p.Remove())
	})
	return p
}

// Redis is a Redis of this test alone. It keeps nothing over a restart unless adjusted to be Durable.
func Redis(t testing.TB, adjust ...func(*local.RedisConfig)) *local.Redis {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	cfg := local.RedisConfig{Tools: tools(ctx, t), Dir: dir(t, "redis")}
	for _, f := range adjust {
		f(&cfg)
	}
	r, err := local.StartRedis(ctx, cfg)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := stopping()
		defer cancel()
		check(t, r.Stop(ctx))
		check(t, os.RemoveAll(cfg.Dir))
	})
	return r
}

// NATS is a JetStream server of this test alone; what it warns of goes to the test's log.
func NATS(t testing.TB, adjust ...func(*local.NATSConfig)) *local.NATS {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	cfg := local.NATSConfig{Dir: dir(t, "nats"), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range adjust {
		f(&cfg)
	}
	n, err := local.StartNATS(ctx, cfg)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() {
		n.Stop()
		check(t, os.RemoveAll(cfg.Dir))
	})
	return n
}

// PlainNATS is the URL of a NATS server of this test alone that has no JetStream.
func PlainNATS(t testing.TB) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	go s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(startWithin) {
		t.Fatal("testkit: NATS takes no connections")
	}
	return s.ClientURL()
}

// Chain is a development chain of this test alone, in memory, with DevAddress funded and blocks by Commit only; adjust
// what should differ.
func Chain(t testing.TB, adjust ...func(*local.ChainConfig)) *local.Chain {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	cfg := local.ChainConfig{Fund: []common.Address{DevAddress}, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range adjust {
		f(&cfg)
	}
	c, err := local.StartChain(ctx, cfg)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() { check(t, c.Stop()) })
	return c
}

// stopping is the context of cleanups, where the test's own has ended already.
func stopping() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), stopWithin)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("testkit: clean up: %v", err)
	}
}

// NATSCluster is a JetStream cluster of three nodes, of this test alone. It takes seconds to start, and an election after the
// loss of a node up to ten.
func NATSCluster(t testing.TB, adjust ...func(*local.NATSClusterConfig)) *local.NATSCluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	clusterDir := dir(t, "nats-cluster")
	cfg := local.NATSClusterConfig{
		Dir: clusterDir, Nodes: 3, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	}
	for _, f := range adjust {
		f(&cfg)
	}
	c, err := local.StartNATSCluster(ctx, cfg)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() {
		c.Stop()
		check(t, os.RemoveAll(clusterDir))
	})
	return c
}
