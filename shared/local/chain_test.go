package local_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	gethlog "github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
)

func chain(t *testing.T, adjust func(*local.ChainConfig)) (*local.Chain, *ethclient.Client) {
	t.Helper()
	cfg := local.ChainConfig{Fund: []common.Address{account()}}
	if adjust != nil {
		adjust(&cfg)
	}
	c, err := local.StartChain(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c, dial(t, c)
}

func send(t *testing.T, client *ethclient.Client, data types.TxData) *types.Transaction {
	t.Helper()
	tx := types.MustSignNewTx(key, types.LatestSignerForChainID(big.NewInt(1337)), data)
	require.NoError(t, client.SendTransaction(t.Context(), tx))
	return tx
}

func TestEachChainHasItsOwnGenesis(t *testing.T) {
	a, client := chain(t, nil)
	b, _ := chain(t, nil)
	require.NotEqual(t, a.Genesis(), b.Genesis())
	id, err := client.ChainID(t.Context())
	require.NoError(t, err)
	require.Equal(t, a.ChainID(), id)
	first, err := client.BlockByNumber(t.Context(), big.NewInt(0))
	require.NoError(t, err)
	require.Equal(t, a.Genesis(), first.Hash(), "the RPC's genesis is the chain's")
}

func TestAnUnknownTransactionIsNotFoundFromTheStart(t *testing.T) {
	_, client := chain(t, nil)
	_, err := client.TransactionReceipt(t.Context(), common.Hash{1})
	require.ErrorIs(t, err, ethereum.NotFound)
}

func TestTheSmallestTipsAreMinedAndReplaced(t *testing.T) {
	c, client := chain(t, nil)
	for nonce, tipWei := range []int64{0, 1} {
		tx := send(t, client, transfer(uint64(nonce), tipWei))
		c.Commit() // with two of one sender in a block the node may overlook the second
		receipt, err := client.TransactionReceipt(t.Context(), tx.Hash())
		require.NoError(t, err)
		require.Equal(t, uint64(1), receipt.Status)
	}
	old := send(t, client, transfer(2, 100))
	dearer := transfer(2, 113).(*types.DynamicFeeTx)
	dearer.GasFeeCap = big.NewInt(2_250_000_000)
	replacement := send(t, client, dearer)
	c.Commit()
	_, err := client.TransactionReceipt(t.Context(), old.Hash())
	require.Error(t, err)
	_, err = client.TransactionReceipt(t.Context(), replacement.Hash())
	require.NoError(t, err)
}

func TestBlocksComeByThemselvesInAPeriod(t *testing.T) {
	_, client := chain(t, func(cfg *local.ChainConfig) { cfg.Period = 30 * time.Millisecond })
	require.Eventually(t, func() bool {
		head, err := client.BlockNumber(t.Context())
		return err == nil && head >= 5
	}, time.Minute, 10*time.Millisecond)
}

func TestAForkTakesATransactionOutAndTheNextBlockBringsItBack(t *testing.T) {
	c, client := chain(t, nil)
	parent := c.Commit()
	tx := send(t, client, transfer(0, 1))
	orphan := c.Commit()
	receipt, err := client.TransactionReceipt(t.Context(), tx.Hash())
	require.NoError(t, err)
	require.Equal(t, orphan, receipt.BlockHash)

	require.NoError(t, c.Fork(parent))
	_, err = client.TransactionReceipt(t.Context(), tx.Hash())
	require.Error(t, err, "gone with its block")
	c.Commit()
	receipt, err = client.TransactionReceipt(t.Context(), tx.Hash())
	require.NoError(t, err)
	require.NotEqual(t, orphan, receipt.BlockHash)
}

func TestADroppedTransactionStaysAway(t *testing.T) {
	c, client := chain(t, nil)
	parent := c.Commit()
	send(t, client, transfer(0, 1))
	c.Commit()
	require.NoError(t, c.Fork(parent))
	require.NoError(t, c.DropPending())
	c.Commit()
	nonce, err := client.NonceAt(t.Context(), account(), nil)
	require.NoError(t, err)
	require.Zero(t, nonce)
}

func TestFinalizeMovesTheFinalizedBlockPastTheHead(t *testing.T) {
	c, client := chain(t, nil)
	c.Commit()
	c.Commit()
	head, err := client.HeaderByNumber(t.Context(), nil)
	require.NoError(t, err)
	safe, err := client.HeaderByNumber(t.Context(), big.NewInt(rpc.SafeBlockNumber.Int64()))
	require.NoError(t, err)
	require.Equal(t, head.Number, safe.Number)
	require.Zero(t, finalized(t, client))
	require.NoError(t, c.Finalize())
	require.Equal(t, uint64(32), finalized(t, client))
}

func TestAReopenedChainDoesNotFinalizeItsHead(t *testing.T) {
	dir := closedDir(t)
	c, client := chain(t, func(cfg *local.ChainConfig) { cfg.Dir = dir })
	tx := send(t, client, transfer(0, 1))
	block := c.Commit()
	for range 40 {
		require.NotEqual(t, common.Hash{}, c.Commit())
	}
	require.NoError(t, c.Stop())

	again, client := chain(t, func(cfg *local.ChainConfig) { cfg.Dir = dir })
	require.Equal(t, c.Genesis(), again.Genesis())
	require.Equal(t, uint64(32), finalized(t, client))
	head, err := client.BlockNumber(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(43), head, "and one block for each of the two starts")
	receipt, err := client.TransactionReceipt(t.Context(), tx.Hash())
	require.NoError(t, err)
	require.Equal(t, block, receipt.BlockHash)
	balance, err := client.BalanceAtHash(t.Context(), common.Address{1}, block)
	require.NoError(t, err)
	require.Equal(t, big.NewInt(1), balance)
}

func finalized(t *testing.T, client *ethclient.Client) uint64 {
	t.Helper()
	header, err := client.HeaderByNumber(t.Context(), big.NewInt(rpc.FinalizedBlockNumber.Int64()))
	require.NoError(t, err)
	return header.Number.Uint64()
}

func TestAStoppedChainSaysSo(t *testing.T) {
	c, _ := chain(t, nil)
	require.NoError(t, c.Stop())
	require.Equal(t, common.Hash{}, c.Commit())
	require.Error(t, c.Fork(c.Genesis()))
	require.Error(t, c.Finalize())
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func connect(t *testing.T, url string) (*pgx.Conn, error) {
	t.Helper()
	conn, err := pgx.Connect(limited(t), url)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
	}
	return conn, err
}

func TestAChainThatEndsItsProcessSaysWhy(t *testing.T) {
	before, standard := gethlog.Root(), slog.Default()
	defer gethlog.SetDefault(before)
	var said bytes.Buffer
	local.TellChainsEnd(&said)
	gethlog.Error("nothing that anybody must know")
	require.Empty(t, said.String())
	gethlog.Root().Write(gethlog.LevelCrit, "Failed to store block") // Crit without the end of the process
	require.Contains(t, said.String(), "Failed to store block")
	require.Same(t, standard, slog.Default(), "the default log stays the same")
}
