// Package chain reads the Ethereum chain and sends to it, by JSON-RPC. It decides nothing: what it sees at one block goes to
// package step.
package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
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
		client, err := ethclient.DialContext(ctx, url)
		if err != nil {
			return nil, fault.New(fault.Invalid, "WEB3_PROVIDER: URL %d can't be used", i+1)
		}
		c.nodes = append(c.nodes, &node{Client: client, number: i + 1})
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
	votes := make(map[string]int)
	byName := make(map[string]Identity)
	var last error
	for _, n := range c.nodes {
		id, err := n.identify(ctx)
		if err != nil {
			last = hide(err)
			c.log.Warn("a node of WEB3_PROVIDER does not say which chain it is on", "node", n.number, "error", last)
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
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
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
	Time       time.Time
}

// Look reads the chain at one block, for a contract, its anchorer and the open batches. Errors are Transient.
func (c *Client) Look(ctx context.Context, contract, sender common.Address, open []step.Batch) (s Sight, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node, head, err := c.latest(ctx)
	if err != nil {
		return s, err
	}
	v := viewer{node: node, at: head.Hash(), head: head.Number.Uint64(), contract: contract, abi: c.contract}
	s.Head = step.Block{Number: v.head, Hash: v.at}
	s.BaseFeeWei, s.Time = head.BaseFee, time.Unix(int64(head.Time), 0)
	if s.BaseFeeWei == nil {
		return s, fault.New(fault.Invalid, "WEB3_PROVIDER: the chain has no EIP-1559 base fee")
	}
	err = errors.Join(
		v.code(ctx, &s.CodeIsOurs),
		v.account(ctx, sender, &s),
		v.heights(ctx, &s),
	)
	if err == nil && s.CodeIsOurs {
		err = v.batches(ctx, open, &s.View)
	}
	if err != nil {
		return s, fault.New(fault.Transient, "read the chain: %w", err)
	}
	return s, nil
}

// LookForCode reads what NextDeploy wants to know; contract may be zero.
func (c *Client) LookForCode(ctx context.Context, contract, sender common.Address) (d step.DeployView, s Sight, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node, head, err := c.latest(ctx)
	if err != nil {
		return d, s, err
	}
	v := viewer{node: node, at: head.Hash(), head: head.Number.Uint64(), contract: contract, abi: c.contract}
	s.Head = step.Block{Number: v.head, Hash: v.at}
	s.BaseFeeWei = head.BaseFee
	code, err := node.CodeAtHash(ctx, contract, v.at)
	if err == nil {
		err = v.account(ctx, sender, &s)
	}
	if err != nil {
		return d, s, fault.New(fault.Transient, "read the chain: %w", hide(err))
	}
	return step.DeployView{Code: len(code) > 0, Matches: string(code) == string(binding.RuntimeCode()), Nonce: s.Nonce}, s, nil
}

// BlockTime measures the chain's mean block time over its last blocks; false when it has too few.
func (c *Client) BlockTime(ctx context.Context) (time.Duration, bool, error) {
	const span = 50
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node, head, err := c.latest(ctx)
	if err != nil || head.Number.Uint64() <= span {
		return 0, false, err
	}
	past, err := node.HeaderByNumber(ctx, new(big.Int).Sub(head.Number, big.NewInt(span)))
	if err != nil {
		return 0, false, fault.New(fault.Transient, "read the chain: %w", hide(err))
	}
	return time.Duration(head.Time-past.Time) * time.Second / span, true, nil
}

// Dry runs a transaction at one block without sending it. Would it revert, the error is Fatal and says why.
func (c *Client) Dry(ctx context.Context, at common.Hash, from, to common.Address, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node, _, err := c.latest(ctx)
	if err != nil {
		return err
	}
	_, err = node.CallContractAtHash(ctx, ethereum.CallMsg{From: from, To: &to, Data: data}, at)
	if err == nil {
		return nil
	}
	if reason, reverted := revertReason(err); reverted {
		return fault.New(fault.Fatal, "the contract would refuse the transaction: %s", reason)
	}
	return fault.New(fault.Transient, "try the transaction: %w", hide(err))
}

// revertReason names the contract's error that an eth_call answered with.
func revertReason(err error) (string, bool) {
	var data rpc.DataError
	if !errors.As(err, &data) {
		return "", false
	}
	text, ok := data.ErrorData().(string)
	if !ok {
		return "", false
	}
	raw, decodeErr := hexutil.Decode(text)
	if decodeErr != nil {
		return "", false
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
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var tx types.Transaction
	if err := tx.UnmarshalBinary(raw); err != nil {
		return fault.New(fault.Fatal, "the journal holds bytes that are no transaction: %w", err)
	}
	var hints []error
	for _, n := range c.nodes {
		if err := n.SendTransaction(ctx, &tx); err != nil {
			hints = append(hints, fmt.Errorf("node %d: %w", n.number, hide(err)))
		}
	}
	if len(hints) < len(c.nodes) {
		return nil
	}
	return errors.Join(hints...)
}
