package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/node"
)

const (
	// DefaultPeriod is the block time of a development chain for people: quick to watch, cheap to keep.
	DefaultPeriod = time.Second
	// finalityBlocks is the simulated beacon's epoch: finalized moves to the last multiple of it, safe is the head.
	finalityBlocks = 32
	// rpcHeaderLimit bounds a client's request header, rpcIdleLimit an unused connection.
	rpcHeaderLimit = 10 * time.Second
	rpcIdleLimit   = 2 * time.Minute
)

// ChainConfig describes the development chain to run.
type ChainConfig struct {
	Dir            string           // its own directory, created when missing; empty: memory only
	Host           string           // the address to listen on; empty: loopback
	Names          []string         // host names besides localhost by which clients may reach it; others are refused, against DNS rebinding in a browser
	Port           int              // 0: a free one
	PortVar        string           // the variable that sets Port, for the error about one in use
	Period         time.Duration    // a block each Period; 0: blocks by Commit only. Block times are whole seconds and grow, so below 1 s they run ahead
	Fund           []common.Address // accounts with a million ether each, when the chain is created
	AllowedOrigins []string         // web pages that may call the RPC from a browser; none by default
	Log            *slog.Logger     // gets failures to seal; nil: none
	Progress       io.Writer        // one line a step; nil: silent
}

// Chain is a go-ethereum development chain inside this process, id 1337, with JSON-RPC over HTTP on loopback. Every
// chain has a genesis of its own. One with a directory keeps all blocks and states there over clean and hard exits.
type Chain struct {
	cfg     ChainConfig
	lock    *dirLock // nil: memory
	genesis common.Hash
	port    int
	http    *http.Server
	served  chan struct{}
	cancel  context.CancelFunc
	sealing sync.WaitGroup

	mu     sync.Mutex // one block at a time
	node   *node.Node
	eth    *eth.Ethereum
	beacon *catalyst.SimulatedBeacon // nil: stopped
}

// StartChain creates the chain or opens the one in cfg.Dir and returns once it serves RPC. Each start seals one block
// first, so a new chain's head is block 1. ctx bounds the start only.
func StartChain(ctx context.Context, cfg ChainConfig) (_ *Chain, err error) {
	c := &Chain{cfg: cfg, served: make(chan struct{})}
	if cfg.Dir != "" {
		if c.cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
			return nil, fmt.Errorf("find the directory of the chain: %w", err)
		}
		if c.lock, err = lockDir("the chain", c.cfg.Dir); err != nil {
			return nil, err
		}
	}
	host := cmp.Or(cfg.Host, loopback)
	l, err := listenOn(host, "the chain", cfg.Port, cfg.PortVar)
	if err != nil {
		c.lock.release()
		return nil, err
	}
	c.port = l.Addr().(*net.TCPAddr).Port
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(err, l.Close(), c.closeNode())
	}
	if err := c.serve(l); err != nil {
		return nil, errors.Join(err, l.Close(), c.closeNode())
	}
	sealing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	if cfg.Period > 0 {
		c.sealing.Go(func() { c.seal(sealing) })
	}
	report(cfg.Progress, "development chain on %s", address(c.port))
	return c, nil
}

// serve answers RPC on l: no account unlocking, no administration.
func (c *Chain) serve(l net.Listener) error {
	rpc, err := c.rpcServer()
	if err != nil {
		return err
	}
	c.http = &http.Server{
		Handler:           node.NewHTTPHandlerStack(rpc, c.cfg.AllowedOrigins, append([]string{"localhost"}, c.cfg.Names...), nil, false),
		ReadHeaderTimeout: rpcHeaderLimit,
		IdleTimeout:       rpcIdleLimit,
	}
	go func() {
		defer close(c.served)
		defer rpc.Stop()
		_ = c.http.Serve(l) // ends with Close
	}()
	return nil
}

// seal seals a block each period until ctx ends.
func (c *Chain) seal(ctx context.Context) {
	tick := time.NewTicker(c.cfg.Period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if c.Commit() == (common.Hash{}) && c.cfg.Log != nil && ctx.Err() == nil {
				c.cfg.Log.WarnContext(ctx, "the development chain could not seal a block")
			}
		}
	}
}

// URL is the chain's JSON-RPC endpoint.
func (c *Chain) URL() string { return "http://" + address(c.port) }

// Port is the port on loopback.
func (c *Chain) Port() int { return c.port }

// ChainID is 1337, as for every go-ethereum development chain.
func (c *Chain) ChainID() *big.Int { return new(big.Int).Set(chainConfig.ChainID) }

// Genesis is the hash of block 0, unlike that of any other chain made here.
func (c *Chain) Genesis() common.Hash { return c.genesis }

// Commit seals a block of what is pending and returns its hash; the zero hash means that the chain is stopped or could not seal.
func (c *Chain) Commit() common.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commit()
}

func (c *Chain) commit() common.Hash {
	if c.beacon == nil {
		return common.Hash{}
	}
	before := c.eth.BlockChain().CurrentBlock().Hash()
	sealed := c.beacon.Commit() // logs a failure and returns the old head
	if sealed == before {
		return common.Hash{}
	}
	return sealed
}

// Finalize seals blocks until the one that is the head now is finalized; at most 32.
func (c *Chain) Finalize() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.beacon == nil {
		return errors.New("finalize: the chain is stopped")
	}
	target := c.eth.BlockChain().CurrentBlock().Number.Uint64()
	for range finalityBlocks + 1 {
		if final := c.eth.BlockChain().CurrentFinalBlock(); final != nil && final.Number.Uint64() >= target {
			return nil
		}
		if c.commit() == (common.Hash{}) {
			return fmt.Errorf("finalize block %d: the chain could not seal", target)
		}
	}
	return fmt.Errorf("block %d is not finalized after %d more", target, finalityBlocks)
}

// Fork makes parent the head: the blocks after it are gone from the canonical chain, their transactions are pending
// again and the next Commit includes them, unless DropPending comes between. It refuses while others are pending.
func (c *Chain) Fork(parent common.Hash) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.beacon == nil {
		return errors.New("fork: the chain is stopped")
	}
	if err := c.beacon.Fork(parent); err != nil {
		return fmt.Errorf("fork at %s: %w", parent, err)
	}
	return nil
}

// DropPending forgets every pending transaction, as a node under load may.
func (c *Chain) DropPending() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.beacon == nil {
		return errors.New("drop pending transactions: the chain is stopped")
	}
	if err := c.eth.TxPool().Sync(); err != nil {
		return fmt.Errorf("drop pending transactions: %w", err)
	}
	c.beacon.Rollback()
	return nil
}

// Stop ends sealing and RPC, closes the database and unlocks the directory. A second Stop is a no-op.
func (c *Chain) Stop() error {
	c.cancel()
	c.sealing.Wait()
	err := c.http.Close()
	<-c.served
	return errors.Join(err, c.closeNode())
}
