// Package chain reads the Ethereum chain and sends to it, by JSON-RPC. It decides nothing: what it sees at one block goes to
// package step.
package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

const (
	callTimeout = 10 * time.Second // for one RPC call
	maxNodes    = 8                // URLs in WEB3_PROVIDER
)

// Identity tells one chain from another.
type Identity struct {
	ChainID *big.Int
	Genesis common.Hash
}

// developmentChains have no value on them: 1337 is geth's and ours, 31337 Anvil's and Hardhat's.
var developmentChains = map[string]bool{"1337": true, "31337": true}

// Development reports whether the chain is one that anybody makes and throws away.
func (i Identity) Development() bool { return developmentChains[i.ChainID.String()] }

// Client talks to one or several nodes of the same chain. It is safe for concurrent use.
type Client struct {
	nodes    []*node
	log      *slog.Logger
	contract *binding.SaleAnchor
	identity atomic.Pointer[Identity]
}

// New reads WEB3_PROVIDER, comma-separated URLs, without connecting. URLs may hold keys and are never shown: nodes have numbers.
func New(ctx context.Context, provider config.Secret, log *slog.Logger) (*Client, error) {
	c := &Client{log: log, contract: binding.NewSaleAnchor()}
	urls := strings.Split(provider.Reveal(), ",")
	if len(urls) > maxNodes {
		return nil, fault.New(fault.Invalid, "WEB3_PROVIDER has more than %d URLs", maxNodes)
	}
	for i, url := range urls {
		url = strings.TrimSpace(url)
		if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			return nil, fault.New(fault.Invalid, "WEB3_PROVIDER: URL %d is not http or https", i+1)
		}
		client, err := rpc.DialOptions(ctx, url, rpc.WithHTTPClient(&http.Client{Transport: patient{http.DefaultTransport}}))
		if err != nil {
			return nil, fault.New(fault.Invalid, "WEB3_PROVIDER: URL %d can't be used", i+1)
		}
		c.nodes = append(c.nodes, &node{Client: ethclient.NewClient(client), number: i + 1})
	}
	return c, nil
}

// Close lets go of idle connections.
func (c *Client) Close() {
	for _, n := range c.nodes {
		n.Close()
	}
}

// Identify says which chain this is: the one that most of the nodes that answer are on. It stands until the Client is
// closed; a node on another chain is left out from then on. Nodes without a majority are Invalid.
func (c *Client) Identify(ctx context.Context) (Identity, error) {
	if id := c.identity.Load(); id != nil {
		return *id, nil
	}
	said := make([]Identity, len(c.nodes))
	errs := each(ctx, c.nodes, func(ctx context.Context, i int, n *node) (err error) {
		said[i], err = n.identify(ctx)
		return err
	})
	votes := make(map[string]int)
	byName := make(map[string]Identity)
	var last error
	for i, id := range said {
		if errs[i] != nil {
			last = hide(errs[i])
			c.log.Warn("a node of WEB3_PROVIDER does not say which chain it is on", "node", i+1, "error", last)
			continue
		}
		name := id.ChainID.String() + id.Genesis.Hex()
		votes[name]++
		byName[name] = id
	}
	if len(votes) == 0 {
		return Identity{}, fault.New(fault.Transient, "no node of WEB3_PROVIDER answers: %w", last)
	}
	for name, n := range votes {
		if 2*n > len(c.nodes) || len(votes) == 1 && 2*n >= len(c.nodes) {
			id := byName[name]
			c.identity.Store(&id)
			return id, nil
		}
	}
	if len(votes) == 1 {
		return Identity{}, fault.New(fault.Transient, "most nodes of WEB3_PROVIDER don't answer")
	}
	return Identity{}, fault.New(fault.Invalid, "WEB3_PROVIDER: the URLs are on different chains")
}

var errOtherChain = errors.New("it is on another chain")

// settled refuses an identity that is not the one that Identify settled on.
func (c *Client) settled(id Identity) error {
	if own := c.identity.Load(); own != nil && (own.ChainID.Cmp(id.ChainID) != 0 || own.Genesis != id.Genesis) {
		return errOtherChain
	}
	return nil
}

func identify(ctx context.Context, node *ethclient.Client) (Identity, error) {
	chainID, err := node.ChainID(ctx)
	if err != nil {
		return Identity{}, err
	}
	genesis, err := node.HeaderByNumber(ctx, common.Big0)
	if err != nil {
		return Identity{}, err
	}
	return Identity{ChainID: chainID, Genesis: genesis.Hash()}, nil
}

// hide drops what an RPC client's error may tell of a URL: Go's HTTP errors quote it.
func hide(err error) error {
	if answered, ok := errors.AsType[rpc.Error](err); ok {
		return fmt.Errorf("the node says: %s", answered.Error())
	}
	if status, ok := errors.AsType[rpc.HTTPError](err); ok {
		return fmt.Errorf("the node says: %s", status.Status)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return errors.New("no connection")
}

// Sight is a step.View with what signing needs to know of the same block.
type Sight struct {
	step.View
	Safe       uint64   // height
	BaseFeeWei *big.Int // of the head
	TipWei     *big.Int // what the node suggests
	BalanceWei *big.Int // of the sender
	CodeIsOurs bool     // the contract is still there

	node *node // that was read from
}

// read picks a block and a node that has it, and lets do read there. A node that fails is left out for a while.
func (c *Client) read(ctx context.Context, do func(ctx context.Context, from seen, agreeing []seen) error) error {
	agreeing, err := c.latest(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := do(ctx, agreeing[0], agreeing); err != nil {
		agreeing[0].node.rest()
		return fault.New(fault.Transient, "read the chain from node %d: %w", agreeing[0].node.number, err)
	}
	return nil
}

func (c *Client) viewer(from seen, contract common.Address) viewer {
	return viewer{node: from.node.Client, at: from.head.Hash(), head: from.head.Number.Uint64(), contract: contract, abi: c.contract}
}

func sightOf(from seen) Sight {
	s := Sight{BaseFeeWei: from.head.BaseFee, node: from.node}
	s.Head = step.Block{Number: from.head.Number.Uint64(), Hash: from.head.Hash()}
	return s
}

// Look reads the chain at one block, for a contract, its anchorer and the open batches. Errors are Transient; a chain without
// EIP-1559 is Invalid.
func (c *Client) Look(ctx context.Context, contract, sender common.Address, open []step.Batch) (s Sight, err error) {
	err = c.read(ctx, func(ctx context.Context, from seen, agreeing []seen) (err error) {
		s = sightOf(from)
		v := c.viewer(from, contract)
		if err = errors.Join(v.code(ctx, &s.CodeIsOurs), v.account(ctx, sender, &s)); err != nil {
			return err
		}
		if s.Finalized, s.Safe, err = settledHeights(ctx, agreeing); err != nil {
			return err
		}
		if s.CodeIsOurs {
			err = v.batches(ctx, open, &s.View)
		}
		return err
	})
	return s, errors.Join(err, s.check(err))
}

// check refuses a chain that no fee could be made for.
func (s Sight) check(err error) error {
	if err == nil && s.BaseFeeWei == nil {
		return fault.New(fault.Invalid, "WEB3_PROVIDER: the chain has no EIP-1559 base fee")
	}
	return nil
}

// LookForCode reads what NextDeploy wants to know; contract may be zero.
func (c *Client) LookForCode(ctx context.Context, contract, sender common.Address) (d step.DeployView, s Sight, err error) {
	err = c.read(ctx, func(ctx context.Context, from seen, _ []seen) error {
		s = sightOf(from)
		v := c.viewer(from, contract)
		code, err := from.node.CodeAtHash(ctx, contract, v.at)
		if err != nil {
			return hide(err)
		}
		d.Code, d.Matches = len(code) > 0, bytes.Equal(code, binding.RuntimeCode())
		return v.account(ctx, sender, &s)
	})
	d.Sender, d.Nonce = sender, s.Nonce
	return d, s, errors.Join(err, s.check(err))
}

// blockGaps is how many gaps between blocks tell a chain's block time.
const blockGaps = 21

// BlockTime is the chain's usual block time, the median of its last blockGaps gaps: an outage, or a night for which a development
// chain was stopped, is one gap among them. It is false when there are too few blocks.
func (c *Client) BlockTime(ctx context.Context) (usual time.Duration, known bool, err error) {
	err = c.read(ctx, func(ctx context.Context, from seen, _ []seen) error {
		if from.head.Number.Uint64() <= blockGaps {
			return nil
		}
		times := []uint64{from.head.Time}
		for back := int64(1); back <= blockGaps; back++ {
			past, err := from.node.HeaderByNumber(ctx, new(big.Int).Sub(from.head.Number, big.NewInt(back)))
			if err != nil {
				return hide(err)
			}
			times = append(times, past.Time)
		}
		usual, known = medianGap(times), true
		return nil
	})
	return usual, known, err
}

// medianGap takes the times of consecutive blocks in Unix seconds, newest first, two at least.
func medianGap(times []uint64) time.Duration {
	gaps := make([]uint64, len(times)-1)
	for i := range gaps {
		gaps[i] = times[i] - times[i+1]
	}
	slices.Sort(gaps)
	return time.Duration(gaps[len(gaps)/2]) * time.Second
}

// Dry runs a transaction, with the gas that it would have, at the block of a Sight without sending it; to is nil for a deploy.
// Would it revert, the error is Fatal and says why; a node that can't say is Transient.
func (c *Client) Dry(ctx context.Context, at Sight, from common.Address, to *common.Address, gas uint64, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := at.node.CallContractAtHash(ctx, ethereum.CallMsg{From: from, To: to, Gas: gas, Data: data}, at.Head.Hash)
	if err == nil {
		return nil
	}
	if reason, reverted := revertReason(err); reverted {
		return fault.New(fault.Fatal, "the contract would refuse the transaction: %s", reason)
	}
	at.node.rest()
	return fault.New(fault.Transient, "try the transaction: %w", hide(err))
}

// revertedCode is JSON-RPC's error code of a revert (execution-apis, eth_call).
const revertedCode = 3

// revertReason names the contract's error that an eth_call answered with.
func revertReason(err error) (string, bool) {
	answered, ok := errors.AsType[rpc.Error](err)
	reverted := ok && answered.ErrorCode() == revertedCode
	data, ok := errors.AsType[rpc.DataError](err)
	if !ok {
		return "it reverts", reverted
	}
	text, ok := data.ErrorData().(string)
	if !ok {
		return "it reverts", reverted
	}
	raw, decodeErr := hexutil.Decode(text)
	if decodeErr != nil {
		return "it reverts", reverted
	}
	reason, unpackErr := binding.UnpackRevert(raw)
	if unpackErr != nil {
		return "0x" + common.Bytes2Hex(raw), true
	}
	return fmt.Sprintf("%T%+v", reason, reason), true
}

// Broadcast sends signed bytes to every node. An error says that no node took them, which may be for a good reason: it is a
// hint for the log, and what the chain shows at the next look decides.
func (c *Client) Broadcast(ctx context.Context, raw []byte) error {
	var tx types.Transaction
	if err := tx.UnmarshalBinary(raw); err != nil {
		return fault.New(fault.Fatal, "the journal holds bytes that are no transaction: %w", err)
	}
	refused := 0
	errs := each(ctx, c.nodes, func(ctx context.Context, _ int, n *node) error {
		if err := n.SendTransaction(ctx, &tx); err != nil {
			return fmt.Errorf("node %d: %w", n.number, hide(err))
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			refused++
		}
	}
	if refused < len(c.nodes) {
		return nil
	}
	return errors.Join(errs...)
}
