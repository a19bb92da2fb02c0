package local_test

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

// childDir makes this test binary a program that starts everything in the directory, so that tests can kill it or
// run it as somebody else; childHold makes it stay until it is killed.
const (
	childDir  = "TILLSEAL_TEST_CHILD_DIR"
	childHold = "TILLSEAL_TEST_CHILD_HOLD"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir, os.Getenv(childHold) != ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if code == 0 {
		http.DefaultClient.CloseIdleConnections()
		if err := goleak.Find(
			goleak.IgnoreAnyFunction("github.com/ethereum/go-ethereum/eth/filters.(*FilterAPI).timeoutLoop"),
			goleak.IgnoreAnyFunction("github.com/ethereum/go-ethereum/core.(*txSenderCacher).cache"),
			goleak.IgnoreAnyFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"),
		); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var key, _ = crypto.HexToECDSA("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")

func account() common.Address { return crypto.PubkeyToAddress(key.PublicKey) }

// engine is every server of one directory.
type engine struct {
	postgres *local.Postgres
	redis    *local.Redis
	nats     *local.NATS
	chain    *local.Chain
}

// ports and what was written, as the child prints them.
type written struct {
	Postgres, Redis, NATS, Chain int
	Pids                         []int
	Genesis, Tx                  common.Hash
	Block                        uint64
	Final                        uint64
}

func startEngine(ctx context.Context, dir string, at written, progress io.Writer) (e engine, err error) {
	tools, err := local.Ensure(ctx, progress)
	if err != nil {
		return e, err
	}
	e.postgres, err = local.StartPostgres(ctx, local.PostgresConfig{
		Tools: tools, Dir: filepath.Join(dir, "postgres"), Port: at.Postgres, Durable: true, Progress: progress,
	})
	if err != nil {
		return e, err
	}
	e.redis, err = local.StartRedis(ctx, local.RedisConfig{
		Tools: tools, Dir: filepath.Join(dir, "redis"), Port: at.Redis, Durable: true, Progress: progress,
		Settings: map[string]string{"appendfsync": "always"},
	})
	if err != nil {
		return e, err
	}
	e.nats, err = local.StartNATS(ctx, local.NATSConfig{Dir: filepath.Join(dir, "nats"), Port: at.NATS, Progress: progress})
	if err != nil {
		return e, err
	}
	e.chain, err = local.StartChain(ctx, local.ChainConfig{
		Dir: filepath.Join(dir, "chain"), Port: at.Chain, Period: 50 * time.Millisecond, Fund: []common.Address{account()}, Progress: progress,
	})
	return e, err
}

func (e engine) stop(ctx context.Context) error {
	if err := e.chain.Stop(); err != nil {
		return err
	}
	e.nats.Stop()
	if err := e.redis.Stop(ctx); err != nil {
		return err
	}
	return e.postgres.Stop(ctx)
}

// write puts one thing into each server and returns how to find it.
func (e engine) write(ctx context.Context) (w written, err error) {
	w = written{
		Postgres: e.postgres.Port(), Redis: e.redis.Port(), NATS: e.nats.Port(), Chain: e.chain.Port(),
		Pids: []int{e.postgres.Pid(), e.redis.Pid()}, Genesis: e.chain.Genesis(),
	}
	db, err := pgx.Connect(ctx, e.postgres.AdminURL("postgres"))
	if err != nil {
		return w, err
	}
	defer db.Close(ctx)
	if _, err := db.Exec(ctx, "CREATE TABLE kept AS SELECT 42 AS answer"); err != nil {
		return w, err
	}
	options, err := redis.ParseURL(e.redis.URL())
	if err != nil {
		return w, err
	}
	cache := redis.NewClient(options)
	defer cache.Close()
	if err := cache.Set(ctx, "kept", "42", 0).Err(); err != nil {
		return w, err
	}
	nc, err := nats.Connect(e.nats.URL(), testkit.Patient)
	if err != nil {
		return w, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc, testkit.PatientJS)
	if err != nil {
		return w, err
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}}); err != nil {
		return w, err
	}
	if _, err := js.Publish(ctx, "kept", []byte("42")); err != nil {
		return w, err
	}
	return w, e.writeChain(ctx, &w)
}

func (e engine) writeChain(ctx context.Context, w *written) error {
	client, err := ethclient.DialContext(ctx, e.chain.URL())
	if err != nil {
		return err
	}
	defer client.Close()
	tx := types.MustSignNewTx(key, types.LatestSignerForChainID(e.chain.ChainID()), transfer(0, 1))
	if err := client.SendTransaction(ctx, tx); err != nil {
		return err
	}
	for {
		receipt, err := client.TransactionReceipt(ctx, tx.Hash())
		if err == nil {
			w.Tx, w.Block = tx.Hash(), receipt.BlockNumber.Uint64()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// requireWritten checks that each server still has what write put there.
func (e engine) requireWritten(t *testing.T, w written) {
	t.Helper()
	ctx := t.Context()
	require.Equal(t, []int{w.Postgres, w.Redis, w.NATS, w.Chain},
		[]int{e.postgres.Port(), e.redis.Port(), e.nats.Port(), e.chain.Port()}, "the same ports")
	require.Equal(t, "42", query(t, e.postgres, "SELECT answer::text FROM kept"))

	options, err := redis.ParseURL(e.redis.URL())
	require.NoError(t, err)
	cache := redis.NewClient(options)
	defer cache.Close()
	require.Equal(t, "42", cache.Get(ctx, "kept").Val())

	nc, err := nats.Connect(e.nats.URL(), testkit.Patient)
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc, testkit.PatientJS)
	require.NoError(t, err)
	stream, err := js.Stream(ctx, "KEPT")
	require.NoError(t, err)
	msg, err := stream.GetMsg(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, "42", string(msg.Data))

	client := dial(t, e.chain)
	require.Equal(t, w.Genesis, e.chain.Genesis())
	receipt, err := client.TransactionReceipt(ctx, w.Tx)
	require.NoError(t, err)
	require.Equal(t, w.Block, receipt.BlockNumber.Uint64())
	balance, err := client.BalanceAtHash(ctx, common.Address{1}, receipt.BlockHash)
	require.NoError(t, err)
	require.Equal(t, big.NewInt(1), balance, "the state of an old block")
}

func query(t *testing.T, p *local.Postgres, sql string) (text string) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), p.AdminURL("postgres"))
	require.NoError(t, err)
	defer db.Close(t.Context())
	require.NoError(t, db.QueryRow(t.Context(), sql).Scan(&text))
	return text
}

// transfer sends 1 wei to account 0x01….
func transfer(nonce uint64, tip int64) types.TxData {
	return &types.DynamicFeeTx{
		ChainID: big.NewInt(1337), Nonce: nonce, To: &common.Address{1}, Value: big.NewInt(1), Gas: 21_000,
		GasTipCap: big.NewInt(tip), GasFeeCap: big.NewInt(2_000_000_000),
	}
}

func dial(t *testing.T, c *local.Chain) *ethclient.Client {
	t.Helper()
	client, err := ethclient.DialContext(t.Context(), c.URL())
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}
