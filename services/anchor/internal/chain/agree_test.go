package chain_test

import (
	"context"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// client sees a chain of ten blocks through a proxy for each node.
func client(t *testing.T, nodes int) (*local.Chain, []*testkit.Proxy, *chain.Client) {
	t.Helper()
	c := tenBlocks(t)
	var proxies []*testkit.Proxy
	var urls []string
	for range nodes {
		p := testkit.RPCProxy(t, c.URL())
		proxies, urls = append(proxies, p), append(urls, p.URL())
	}
	return c, proxies, connect(t, urls...)
}

func tenBlocks(t *testing.T) *local.Chain {
	t.Helper()
	c := testkit.Chain(t)
	for range 10 {
		c.Commit()
	}
	return c
}

func connect(t *testing.T, urls ...string) *chain.Client {
	t.Helper()
	seen, err := chain.New(t.Context(), config.Secret(strings.Join(urls, ",")), slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(seen.Close)
	return seen
}

func height(t *testing.T, c *chain.Client) uint64 {
	t.Helper()
	_, sight, err := c.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
	require.NoError(t, err)
	return sight.Head.Number
}

func TestANodeThatLagsHasNoSay(t *testing.T) {
	_, proxies, seen := client(t, 3)
	require.Equal(t, uint64(11), height(t, seen))
	proxies[0].Behind(8)
	require.Equal(t, uint64(11), height(t, seen))
}

func TestWhatMostNodesHaveReachedIsBelieved(t *testing.T) {
	_, proxies, seen := client(t, 3)
	proxies[0].Behind(1)
	proxies[1].Behind(2)
	require.Equal(t, uint64(10), height(t, seen), "two of three have block 10")
}

func TestANodeThatIsDownIsLeftOut(t *testing.T) {
	_, proxies, seen := client(t, 2)
	proxies[1].On("eth_getBlockByNumber", testkit.Status(429))
	require.Equal(t, uint64(11), height(t, seen))
	proxies[0].On("eth_getBlockByNumber", testkit.Lose())
	_, _, err := seen.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
	require.True(t, fault.Is(err, fault.Transient), "%v", err)
}

func TestANodeThatHangsHoldsUpNobody(t *testing.T) {
	c, proxies, seen := client(t, 3)
	proxies[0].On("*", testkit.Delay(time.Hour))
	require.Equal(t, uint64(11), height(t, seen))
	asked := proxies[0].Calls("eth_chainId")
	require.Equal(t, uint64(11), height(t, seen))
	require.Equal(t, asked, proxies[0].Calls("eth_chainId"), "it is left alone for a while")
	raw, hash := transfer(t)
	require.NoError(t, seen.Broadcast(t.Context(), raw))
	c.Commit()
	node, err := ethclient.Dial(c.URL())
	require.NoError(t, err)
	defer node.Close()
	_, err = node.TransactionReceipt(t.Context(), hash)
	require.NoError(t, err, "the others have it")
}

func TestANodeThatFailsToReadIsFollowedByAnother(t *testing.T) {
	_, proxies, seen := client(t, 2)
	proxies[0].On("eth_getCode", testkit.Status(429)) // though it answers with its head
	_, _, err := seen.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
	require.True(t, fault.Is(err, fault.Transient), "%v", err)
	require.Equal(t, uint64(11), height(t, seen))
}

func TestANodeThatRefusesSomeCallsIsAskedAgain(t *testing.T) {
	_, proxies, seen := client(t, 1)
	proxies[0].On("*", testkit.EverySecond(testkit.Status(429)))
	require.Equal(t, uint64(11), height(t, seen))
	proxies[0].On("*", testkit.Times(1, testkit.Status(503)))
	require.Equal(t, uint64(11), height(t, seen))
}

func TestANodeThatInventsBlocksDoesNotOutvoteTheOthers(t *testing.T) {
	_, proxies, seen := client(t, 3)
	proxies[1].On("eth_getBlockByNumber", ahead(1000))
	require.Equal(t, uint64(11), height(t, seen))
}

func TestOneNodeAloneMakesNothingFinal(t *testing.T) {
	c, proxies, seen := client(t, 3)
	proxies[0].On("eth_getBlockByNumber", finalizedIsLatest)
	sight, err := seen.Look(t.Context(), common.Address{}, testkit.DevAddress, step.Journal{})
	require.NoError(t, err)
	require.Zero(t, sight.Finalized)
	require.NoError(t, c.Finalize())
	sight, err = seen.Look(t.Context(), common.Address{}, testkit.DevAddress, step.Journal{})
	require.NoError(t, err)
	require.Equal(t, uint64(32), sight.Finalized)
}

func TestATransactionIsTriedWithTheGasThatItWillHave(t *testing.T) {
	_, _, seen := client(t, 1)
	_, sight, err := seen.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
	require.NoError(t, err)
	data := binding.DeployData(testkit.DevAddress, testkit.DevAddress)
	require.NoError(t, seen.Dry(t.Context(), sight, testkit.DevAddress, nil, 6_000_000, data))
	require.Error(t, seen.Dry(t.Context(), sight, testkit.DevAddress, nil, 300_000, data))
	err = seen.Dry(t.Context(), sight, testkit.DevAddress, nil, 6_000_000, binding.DeployData(common.Address{}, testkit.DevAddress))
	require.True(t, fault.Is(err, fault.Fatal), "%v", err)
}

func TestFewNodesAreFollowedButMakeNothingFinal(t *testing.T) {
	_, proxies, seen := client(t, 3)
	for _, p := range proxies {
		p.On("eth_getBlockByNumber", finalizedIsLatest)
	}
	look := func() chain.Sight {
		sight, err := seen.Look(t.Context(), common.Address{}, testkit.DevAddress, step.Journal{})
		require.NoError(t, err)
		return sight
	}
	sight := look()
	require.True(t, sight.Sure)
	require.Equal(t, uint64(11), sight.Finalized)
	proxies[0].On("eth_getBlockByNumber", testkit.Lose())
	require.True(t, look().Sure, "two of three")
	proxies[1].On("eth_getBlockByNumber", testkit.Lose())
	sight = look()
	require.Equal(t, uint64(11), sight.Head.Number)
	require.False(t, sight.Sure)
	require.Zero(t, sight.Finalized)
	require.Zero(t, sight.Safe)
}

func TestTheTipIsWhatWasPaidAndNoOneNodesToName(t *testing.T) {
	c, proxies, seen := client(t, 3)
	tip := func() string {
		_, sight, err := seen.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
		require.NoError(t, err)
		return sight.TipWei.String()
	}
	require.Equal(t, "1000000", tip(), "all blocks are empty")
	pay(t, c, 0, 3e9)
	pay(t, c, 1, 40e9)
	pay(t, c, 2, 2e9)
	require.Equal(t, "3000000000", tip())
	proxies[0].On("eth_feeHistory", reply(`{"oldestBlock":"0x1","baseFeePerGas":["0x1","0x1"],"gasUsedRatio":[0.5],"reward":[["0xffffffffffff"]]}`))
	require.Equal(t, "3000000000", tip())
	proxies[1].On("eth_feeHistory", testkit.Lose())
	proxies[2].On("eth_feeHistory", testkit.Lose())
	require.Equal(t, "50000000000", tip(), "bounded, when there is nobody else to ask")
}

func TestARefusalThatOneNodeAloneForetellsStopsNothing(t *testing.T) {
	_, proxies, seen := client(t, 3)
	_, sight, err := seen.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
	require.NoError(t, err)
	reverts := func(context.Context, testkit.Call, func(testkit.Call) testkit.Reply) testkit.Reply {
		return testkit.Reply{Error: &testkit.RPCError{Code: 3, Message: "execution reverted"}}
	}
	try := func() error {
		return seen.Dry(t.Context(), sight, testkit.DevAddress, nil, 6_000_000, binding.DeployData(testkit.DevAddress, testkit.DevAddress))
	}
	proxies[0].On("eth_call", reverts)
	require.True(t, fault.Is(try(), fault.Transient))
	proxies[2].On("eth_call", reverts)
	require.True(t, fault.Is(try(), fault.Fatal))
}

func TestANodeOnAnotherChainHasNoSay(t *testing.T) {
	c := tenBlocks(t)
	other := testkit.Chain(t)
	for range 20 {
		other.Commit()
	}
	seen := connect(t, other.URL(), c.URL(), c.URL())
	id, err := seen.Identify(t.Context())
	require.NoError(t, err)
	require.Equal(t, c.Genesis(), id.Genesis)
	require.Equal(t, uint64(11), height(t, seen))

	_, err = connect(t, other.URL(), c.URL()).Identify(t.Context())
	require.True(t, fault.Is(err, fault.Invalid), "one against one: %v", err)
}

func TestAChainIsKeptWhileTheOnlyNodeOnItIsAway(t *testing.T) {
	c, other := tenBlocks(t), testkit.Chain(t)
	right, wrong := testkit.RPCProxy(t, c.URL()), testkit.RPCProxy(t, other.URL())
	wrong.On("*", testkit.Lose())
	seen := connect(t, right.URL(), wrong.URL())
	_, err := seen.Identify(t.Context())
	require.NoError(t, err)
	wrong.Clear()
	require.Equal(t, uint64(11), height(t, seen))
	right.On("*", testkit.Lose())
	for range 4 { // with either of them left out for a while
		_, _, err := seen.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
		require.True(t, fault.Is(err, fault.Transient), "%v", err)
	}
	right.Clear()
	require.Equal(t, uint64(11), height(t, seen))
	id, err := seen.Identify(t.Context())
	require.NoError(t, err)
	require.Equal(t, c.Genesis(), id.Genesis)
}

func TestAChainThatANodeNamedByMistakeIsForgottenAtTheNextQuestion(t *testing.T) {
	c := tenBlocks(t)
	for name, lie := range map[string]func(proxy *testkit.Proxy, times int64){
		"genesis": func(proxy *testkit.Proxy, times int64) {
			proxy.On("eth_getBlockByNumber", testkit.Times(times, otherBlock))
		},
		"chain id": func(proxy *testkit.Proxy, times int64) { proxy.On("eth_chainId", testkit.Times(times, testkit.Off(1))) },
	} {
		proxy := testkit.RPCProxy(t, c.URL())
		seen := connect(t, proxy.URL())
		lie(proxy, 1)
		id, err := seen.Identify(t.Context())
		require.NoError(t, err)
		require.False(t, id.Same(chain.Identity{ChainID: big.NewInt(1337), Genesis: c.Genesis()}), name)
		id, err = seen.Identify(t.Context())
		require.NoError(t, err)
		require.True(t, id.Same(chain.Identity{ChainID: big.NewInt(1337), Genesis: c.Genesis()}), name)
		require.Equal(t, uint64(11), height(t, seen), name)
	}
}

func TestOfTwoChainsThatTheNodesAreOnTheJournalsIsBelieved(t *testing.T) {
	c, other := tenBlocks(t), testkit.Chain(t)
	ours := chain.Identity{ChainID: big.NewInt(1337), Genesis: c.Genesis()}
	id, err := connect(t, other.URL(), c.URL()).Identify(t.Context(), ours)
	require.NoError(t, err)
	require.True(t, id.Same(ours))
	id, err = connect(t, other.URL(), other.URL(), c.URL()).Identify(t.Context(), ours)
	require.NoError(t, err)
	require.False(t, id.Same(ours), "against most nodes the journal has no vote")
}

func TestANodeCanNotMakeUpTheTimesOfOldBlocks(t *testing.T) {
	c := tenBlocks(t)
	for range 20 {
		c.Commit()
	}
	proxy := testkit.RPCProxy(t, c.URL())
	seen := connect(t, proxy.URL())
	_, known, err := seen.BlockTime(t.Context())
	require.NoError(t, err)
	require.True(t, known)
	proxy.On("eth_getBlockByNumber", func(ctx context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		if string(call.Params[0]) == `"latest"` {
			return next(call)
		}
		return otherBlock(ctx, call, next)
	})
	_, _, err = seen.BlockTime(t.Context())
	require.ErrorContains(t, err, "is not an ancestor of")
	require.True(t, fault.Is(err, fault.Transient))
}

func TestANodeThatIsLeftOutIsToldOnce(t *testing.T) {
	c := tenBlocks(t)
	proxy := testkit.RPCProxy(t, c.URL())
	var log strings.Builder
	seen, err := chain.New(t.Context(), config.Secret(proxy.URL()), slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	defer seen.Close()
	proxy.On("*", testkit.Lose())
	for range 3 {
		_, _, err := seen.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
		require.Error(t, err)
	}
	require.Equal(t, 1, strings.Count(log.String(), "is left out"))
}

func TestNodesThatDisagreeAreNotBelieved(t *testing.T) {
	c := tenBlocks(t)
	proxy := testkit.RPCProxy(t, c.URL())
	seen := connect(t, c.URL(), proxy.URL())
	require.Equal(t, uint64(11), height(t, seen))
	proxy.On("eth_getBlockByNumber", otherBlock)
	_, _, err := seen.LookForCode(t.Context(), common.Address{}, testkit.DevAddress)
	require.ErrorContains(t, err, "disagree")
	require.True(t, fault.Is(err, fault.Transient))
}

func TestURLsNeverShow(t *testing.T) {
	_, err := chain.New(t.Context(), "ftp://secret.example/key", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "WEB3_PROVIDER")
	require.NotContains(t, err.Error(), "secret")
	var log strings.Builder
	seen, err := chain.New(t.Context(), "http://127.0.0.1:1/secret", slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	defer seen.Close()
	_, err = seen.Identify(t.Context())
	require.True(t, fault.Is(err, fault.Transient))
	require.NotContains(t, err.Error()+log.String(), "secret")
}
