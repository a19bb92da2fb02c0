package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	gethlog "github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/shared/durable"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	// genesisSalt makes each chain's genesis its own; 32 bytes is what a header's extra data holds.
	genesisSalt = 32
	// Caches of the node, in MB: small, since a development chain is small and shares its process.
	chainDatabaseCache = 16
	chainTrieCache     = 16
)

var chainConfig = params.AllDevChainProtocolChanges

// open starts the node and its simulated beacon and leaves them in c; what was opened on an error is for closeNode.
func (c *Chain) open(ctx context.Context) error {
	genesis, err := c.loadGenesis()
	if err != nil {
		return err
	}
	nodeConfig := node.Config{
		Name:    "chain", // part of the data's path, else the program's name
		DataDir: c.cfg.Dir, P2P: p2p.Config{NoDiscovery: true, NoDial: true},
		// It hands each write to the kernel, where a killed process can't lose it; pebble buffers the last 32 KB itself.
		DBEngine: rawdb.DBLeveldb,
	}
	if c.node, err = node.New(&nodeConfig); err != nil {
		return fmt.Errorf("prepare the chain's node: %w", err)
	}
	if c.eth, err = eth.New(c.node, ethConfig(genesis)); err != nil {
		return fmt.Errorf("open the chain: %w", err)
	}
	if err := c.node.Start(); err != nil {
		return fmt.Errorf("start the chain's node: %w", err)
	}
	// A tip of 0 is mined too; the configuration would replace a 0 by its default.
	if err := c.eth.Miner().SetGasTip(new(big.Int)); err != nil {
		return fmt.Errorf("let the miner take any tip: %w", err)
	}
	c.eth.TxPool().SetGasTip(new(big.Int))
	c.genesis = c.eth.BlockChain().Genesis().Hash()
	// Period 0: this package seals, so that a stop waits for the block being sealed.
	if c.beacon, err = catalyst.NewSimulatedBeacon(0, common.Address{}, c.eth); err != nil {
		return fmt.Errorf("start the chain's beacon: %w", err)
	}
	return c.sealFirst(ctx)
}

// sealFirst seals one block. Before that a beacon on an old chain reports the head as finalized, and the node answers "indexing is in
// progress" instead of "not found" when asked for a transaction.
func (c *Chain) sealFirst(ctx context.Context) error {
	if c.Commit() == (common.Hash{}) {
		return errors.New("the chain could not seal its first block after the start")
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for !c.eth.BlockChain().TxIndexDone() {
		if !wait.Pause(limited, pollEvery) {
			return fmt.Errorf("wait for the chain's index of transactions: %w", limited.Err())
		}
	}
	return nil
}

// ethConfig keeps every state on disk with its block (hash scheme, no pruning, no snapshots), which is what survives
// a hard exit and lets calls be made at any block.
func ethConfig(genesis *core.Genesis) *ethconfig.Config {
	conf := ethconfig.Defaults
	conf.Genesis = genesis
	conf.SyncMode = ethconfig.FullSync
	conf.NoPruning, conf.StateScheme, conf.SnapshotCache = true, rawdb.HashScheme, 0
	conf.TransactionHistory = 0 // index all
	conf.LogNoHistory = true    // search logs unindexed
	conf.DatabaseCache, conf.TrieCleanCache, conf.TrieDirtyCache = chainDatabaseCache, chainTrieCache, 0
	conf.TxPool.NoLocals, conf.TxPool.Journal, conf.TxPool.PriceLimit = true, "", 1
	conf.Miner.GasPrice = big.NewInt(1)
	return &conf
}

// loadGenesis reads the genesis that the directory's chain began with, or makes one and keeps it before the chain
// uses it.
func (c *Chain) loadGenesis() (*core.Genesis, error) {
	path := filepath.Join(c.cfg.Dir, "genesis.json")
	if c.cfg.Dir != "" {
		text, err := os.ReadFile(path)
		if err == nil {
			genesis := new(core.Genesis)
			if err := json.Unmarshal(text, genesis); err != nil {
				return nil, fmt.Errorf("read the chain's genesis in %s: %w", path, err)
			}
			return genesis, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read the chain's genesis: %w", err)
		}
	}
	genesis, err := newGenesis(c.cfg.Fund)
	if err != nil || c.cfg.Dir == "" {
		return genesis, err
	}
	report(c.cfg.Progress, "creating the development chain in %s", c.cfg.Dir)
	text, err := json.MarshalIndent(genesis, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the chain's genesis: %w", err)
	}
	return genesis, durable.WriteFile(path, text, privateFile)
}

func newGenesis(fund []common.Address) (*core.Genesis, error) {
	salt := make([]byte, genesisSalt)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("make the chain's genesis: %w", err)
	}
	alloc := maps.Clone(core.SystemContractAllocs()) // of the forks that are active from block 0
	million := new(big.Int).Mul(big.NewInt(1_000_000), big.NewInt(params.Ether))
	for _, account := range fund {
		alloc[account] = types.Account{Balance: million}
	}
	return &core.Genesis{
		Config: chainConfig, GasLimit: ethconfig.Defaults.Miner.GasCeil, Alloc: alloc,
		Difficulty: new(big.Int), ExtraData: salt, Timestamp: uint64(time.Now().Unix()),
	}, nil
}

// rpcServer offers what a public node offers.
func (c *Chain) rpcServer() (*rpc.Server, error) {
	apis := append(c.eth.APIs(),
		rpc.API{Namespace: "eth", Service: filters.NewFilterAPI(filters.NewFilterSystem(c.eth.APIBackend, filters.Config{}))},
		rpc.API{Namespace: "web3", Service: web3API{}})
	s := rpc.NewServer()
	if err := node.RegisterApis(apis, []string{"eth", "net", "web3", "txpool"}, s); err != nil {
		return nil, fmt.Errorf("register the chain's RPC: %w", err)
	}
	return s, nil
}

type web3API struct{}

// ClientVersion answers web3_clientVersion.
func (web3API) ClientVersion() string { return "tillseal-development-chain" }

// TellChainsEnd makes go-ethereum log to w why it ends the process, as it does when it can't write to its disk; by default it logs nothing.
// Its log is the whole process's, so this is for a program's main.
func TellChainsEnd(w io.Writer) {
	// Not its own kind of logger: with that it would become the default of log/slog as well.
	gethlog.SetDefault(struct{ gethlog.Logger }{gethlog.NewLogger(gethlog.LogfmtHandlerWithLevel(w, gethlog.LevelCrit))})
}

// closeNode closes what open opened.
func (c *Chain) closeNode() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.lock.release()
	var err error
	if c.beacon != nil {
		err = c.beacon.Stop()
		c.beacon = nil
	}
	if c.node != nil {
		err = errors.Join(err, c.node.Close())
		c.node = nil
	}
	if err != nil {
		return fmt.Errorf("close the chain: %w", err)
	}
	return nil
}
