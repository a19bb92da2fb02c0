package testkit_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestEachTestHasADatabaseOfItsOwnWithTheSchemaAndItsRoles(t *testing.T) {
	one, two := testkit.Database(t), testkit.Database(t)
	require.NotEqual(t, one.Admin, two.Admin)
	for role, url := range map[string]string{
		"postgres": one.Admin, "gateway": one.Gateway, "anchor": one.Anchor, "ledger": one.Ledger, "auditor": one.Auditor,
	} {
		require.Equal(t, role, ask(t, url, "SELECT current_user::text"))
	}
	require.Equal(t, "0", ask(t, one.Auditor, "SELECT count(*)::text FROM audit.sale"))
	_, err := exec(t, one.Admin, "CREATE TABLE mine ()")
	require.NoError(t, err)
	_, err = exec(t, two.Admin, "SELECT FROM mine")
	require.ErrorContains(t, err, "does not exist")
}

func TestADatabaseIsGoneWithItsTest(t *testing.T) {
	var url string
	t.Run("inner", func(t *testing.T) {
		url = testkit.Database(t).Admin
		conn, err := pgx.Connect(context.Background(), url)
		require.NoError(t, err)
		require.False(t, conn.IsClosed())
	})
	_, err := pgx.Connect(t.Context(), url)
	require.ErrorContains(t, err, "does not exist")
}

func TestATestMayKillItsOwnPostgres(t *testing.T) {
	p := testkit.OwnPostgres(t)
	db := testkit.Migrated(t, p)
	require.NoError(t, p.Kill())
	_, err := pgx.Connect(t.Context(), db.Gateway)
	require.Error(t, err)
	require.NoError(t, p.Restart(t.Context()))
	require.Equal(t, "gateway", ask(t, db.Gateway, "SELECT current_user::text"))
	require.NotEqual(t, p.Pid(), testkit.Postgres(t).Pid())
}

func TestRedisAndNATSAnswer(t *testing.T) {
	options, err := redis.ParseURL(testkit.Redis(t).URL())
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer client.Close()
	require.NoError(t, client.Ping(t.Context()).Err())
	nc, err := nats.Connect(testkit.NATS(t).URL(), testkit.Patient)
	require.NoError(t, err)
	nc.Close()
}

func TestEventuallyWaitsAndSaysWhatItWaitedFor(t *testing.T) {
	calls := 0
	testkit.Eventually(t, time.Minute, "the third call", func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	require.Equal(t, 3, calls)

	f := &failing{TB: t}
	func() {
		defer func() { _ = recover() }()
		testkit.Eventually(f, 30*time.Millisecond, "a miracle", func() error { return errors.New("still none") })
	}()
	require.Equal(t, "not within 30ms: a miracle; last: still none", f.said)
}

// failing keeps what a helper fails with.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(f.said)
}

func TestAProxyWithoutHooksIsTheChain(t *testing.T) {
	c, proxy, client := faulty(t)
	block := c.Commit()
	head, err := client.HeaderByNumber(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, block, head.Hash())
	_, err = client.TransactionReceipt(t.Context(), block)
	require.ErrorContains(t, err, "not found")
	require.Equal(t, 1, proxy.Calls("eth_getBlockByNumber"))
}

func TestADroppedReplyHidesATransactionThatWasSent(t *testing.T) {
	c, proxy, client := faulty(t)
	proxy.On("eth_sendRawTransaction", testkit.Times(1, testkit.Drop()))
	tx := signed(t)
	require.Error(t, client.SendTransaction(t.Context(), tx))
	c.Commit()
	_, err := client.TransactionReceipt(t.Context(), tx.Hash())
	require.NoError(t, err)
	require.Equal(t, 1, proxy.Calls("eth_sendRawTransaction"), "no client retries behind the test's back")
}

func TestASwallowedTransactionIsAcceptedAndNeverMined(t *testing.T) {
	c, proxy, client := faulty(t)
	proxy.On("eth_sendRawTransaction", testkit.Swallow())
	tx := signed(t)
	require.NoError(t, client.SendTransaction(t.Context(), tx))
	c.Commit()
	_, err := client.TransactionReceipt(t.Context(), tx.Hash())
	require.ErrorContains(t, err, "not found")
	proxy.Clear()
	require.NoError(t, client.SendTransaction(t.Context(), tx))
	c.Commit()
	_, err = client.TransactionReceipt(t.Context(), tx.Hash())
	require.NoError(t, err)
}

func TestARefusedCallDoesNotReachTheChain(t *testing.T) {
	_, proxy, client := faulty(t)
	proxy.On("eth_sendRawTransaction", testkit.Refuse("replacement transaction underpriced"))
	require.ErrorContains(t, client.SendTransaction(t.Context(), signed(t)), "replacement transaction underpriced")
	proxy.On("eth_sendRawTransaction", testkit.Status(http.StatusTooManyRequests))
	require.ErrorContains(t, client.SendTransaction(t.Context(), signed(t)), "429")
	proxy.On("eth_sendRawTransaction", testkit.Lose())
	require.Error(t, client.SendTransaction(t.Context(), signed(t)))
	proxy.Clear()
	pending, err := client.PendingNonceAt(t.Context(), testkit.DevAddress)
	require.NoError(t, err)
	require.Zero(t, pending)
}

func TestADelayedCallIsGivenUpByItsCaller(t *testing.T) {
	_, proxy, client := faulty(t)
	proxy.On("eth_blockNumber", testkit.Delay(time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client.BlockNumber(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	proxy.On("eth_blockNumber", testkit.Delay(time.Millisecond))
	_, err = client.BlockNumber(t.Context())
	require.NoError(t, err)
}

func TestALaggingNodeShowsAnOlderHead(t *testing.T) {
	c, proxy, client := faulty(t)
	for range 5 {
		c.Commit()
	}
	proxy.Behind(2)
	number, err := client.BlockNumber(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(4), number) // a chain starts at block 1
	head, err := client.HeaderByNumber(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, big.NewInt(4), head.Number)
}

func TestAWrongNonceIsOffByAsMuchAsAsked(t *testing.T) {
	_, proxy, client := faulty(t)
	for off, want := range map[int64]uint64{2: 2, -1: 0} {
		proxy.On("eth_getTransactionCount", testkit.Off(off))
		nonce, err := client.NonceAt(t.Context(), testkit.DevAddress, nil)
		require.NoError(t, err)
		require.Equal(t, want, nonce)
	}
}

func TestEverySecondCallFails(t *testing.T) {
	_, proxy, client := faulty(t)
	proxy.On("eth_blockNumber", testkit.EverySecond(testkit.Status(429)))
	for range 2 {
		_, err := client.BlockNumber(t.Context())
		require.ErrorContains(t, err, "429")
		_, err = client.BlockNumber(t.Context())
		require.NoError(t, err)
	}
}

func TestAReorganizedChainHasTheSameTransactionsInOtherBlocks(t *testing.T) {
	c, proxy, client := faulty(t)
	tx := signed(t)
	require.NoError(t, client.SendTransaction(t.Context(), tx))
	c.Commit()
	before, err := client.TransactionReceipt(t.Context(), tx.Hash())
	require.NoError(t, err)
	proxy.Reorganize(2)
	after, err := client.TransactionReceipt(t.Context(), tx.Hash())
	require.NoError(t, err)
	require.NotEqual(t, before.BlockHash, after.BlockHash)
	head, err := client.HeaderByNumber(t.Context(), after.BlockNumber)
	require.NoError(t, err)
	require.Equal(t, after.BlockHash, head.Hash())
	nonce, err := client.NonceAtHash(t.Context(), testkit.DevAddress, head.Hash())
	require.NoError(t, err)
	require.Equal(t, uint64(1), nonce, "state is read at the block that is shown")
	logs, err := client.FilterLogs(t.Context(), ethereum.FilterQuery{BlockHash: &after.BlockHash})
	require.NoError(t, err)
	require.Empty(t, logs)
	below, err := client.HeaderByNumber(t.Context(), big.NewInt(1))
	require.NoError(t, err)
	proxy.Clear()
	same, err := client.HeaderByNumber(t.Context(), big.NewInt(1))
	require.NoError(t, err)
	require.Equal(t, same.Hash(), below.Hash(), "below it nothing changes")
	_, err = client.HeaderByHash(t.Context(), after.BlockHash)
	require.ErrorIs(t, err, ethereum.NotFound)
}

func TestANodeThatIsAwayIsABadGateway(t *testing.T) {
	c, _, client := faulty(t)
	require.NoError(t, c.Stop())
	_, err := client.BlockNumber(t.Context())
	require.ErrorContains(t, err, "502")
}

func TestAPortIsFree(t *testing.T) {
	port := testkit.FreePort(t)
	n := testkit.NATS(t, func(cfg *local.NATSConfig) { cfg.Port = port })
	require.True(t, strings.HasSuffix(n.URL(), fmt.Sprint(":", port)))
}

func faulty(t *testing.T) (*local.Chain, *testkit.Proxy, *ethclient.Client) {
	t.Helper()
	c := testkit.Chain(t)
	proxy := testkit.RPCProxy(t, c.URL())
	client, err := ethclient.DialContext(t.Context(), proxy.URL())
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return c, proxy, client
}

func signed(t *testing.T) *types.Transaction {
	t.Helper()
	key, err := crypto.HexToECDSA(testkit.DevKey)
	require.NoError(t, err)
	require.Equal(t, testkit.DevAddress, crypto.PubkeyToAddress(key.PublicKey))
	return types.MustSignNewTx(key, types.LatestSignerForChainID(big.NewInt(1337)), &types.DynamicFeeTx{
		ChainID: big.NewInt(1337), To: &testkit.DevAddress, Gas: 21_000, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(2e9),
	})
}

func ask(t *testing.T, url, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&answer))
	return answer
}

func exec(t *testing.T, url, sql string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	tag, err := conn.Exec(t.Context(), sql)
	return tag.String(), err
}
