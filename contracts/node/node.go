// Package node asks Ethereum nodes, over JSON-RPC, what a SaleAnchor has: for whoever checks a shop from outside. It believes no node more than it
// must: code is compared, what is read is read at one block, and no error shows a URL, which may hold a key.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/contracts/binding"
)

const (
	callTimeout    = 15 * time.Second // of one call to a node
	maxAnswerBytes = 64 << 20         // of a node: far more than the events of 1,000 blocks
	// A provider's nodes are not all at the same block: one may not have yet what another has just shown.
	tries      = 3
	firstPause = 250 * time.Millisecond // between two tries, doubled each time
)

// Node is an Ethereum node that is queried over JSON-RPC.
type Node struct {
	rpc *rpc.Client
	eth *ethclient.Client
}

// Dial takes the first of the comma-separated URLs whose node answers. No error contains a URL, since that may hold a key.
func Dial(ctx context.Context, urls string) (*Node, error) {
	var last error
	for each := range strings.SplitSeq(urls, ",") {
		u, err := ParseURL(each)
		if err != nil {
			return nil, fmt.Errorf("the RPC URL %w", err)
		}
		client, err := rpc.DialOptions(ctx, u.String(), rpc.WithHTTPClient(&http.Client{Transport: bounded{http.DefaultTransport.(*http.Transport).Clone()}}))
		if err != nil {
			return nil, errors.New("the RPC URL can't be used") // the cause may quote it
		}
		n := &Node{rpc: client, eth: ethclient.NewClient(client)}
		if last = ask(ctx, "eth_chainId", func(ctx context.Context) error { _, err := n.eth.ChainID(ctx); return err }); last == nil {
			return n, nil
		}
		n.Close()
	}
	return nil, last
}

// ParseURL reads an http or https URL. Its error does not contain it.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("is not http or https") // the cause may quote it
	}
	return u, nil
}

// bounded ends an answer that is longer than maxAnswerBytes.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := b.Transport.RoundTrip(req)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswerBytes)
	}
	return answer, err
}

// Close closes the connection to the node.
func (n *Node) Close() { n.rpc.Close() }

// ask bounds a call and strips from its error everything that could contain a URL.
func ask(ctx context.Context, method string, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := question(ctx); err != nil {
		return &nodeError{method, err}
	}
	return nil
}

// nodeError is why a node could not be queried. Its text holds nothing that could be a URL or a key.
type nodeError struct {
	method string
	cause  error
}

func (e *nodeError) Error() string {
	return fmt.Sprintf("the node could not be queried (%s: %s)", e.method, Reason(e.cause))
}

func (e *nodeError) Unwrap() error { return e.cause }

// Reason describes in its own words why there was no answer: the error's may contain the URL, and a node's message the key.
func Reason(err error) string {
	var (
		status  rpc.HTTPError
		answer  rpc.Error
		timeout net.Error
		lookup  *net.DNSError
	)
	switch {
	case errors.As(err, &status):
		return fmt.Sprintf("HTTP status %d", status.StatusCode)
	case errors.As(err, &answer):
		return fmt.Sprintf("JSON-RPC error %d", answer.ErrorCode())
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &lookup):
		return "its name is not known"
	}
	return "the answer cannot be read"
}

// readAt asks something about the block with a hash, and again where the node that answers does not have it yet.
func readAt(ctx context.Context, method string, question func(context.Context) error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := ask(ctx, method, question)
		var refused rpc.Error
		if !errors.As(err, &refused) || try == tries || !sleep(ctx, pause) {
			return err
		}
		pause *= 2
	}
}

// Call asks the contract something, as it is at a block (EIP-1898).
func (n *Node) Call(ctx context.Context, contract common.Address, data []byte, at Block, unpack func([]byte) error) error {
	return readAt(ctx, "eth_call", func(ctx context.Context) error {
		answer, err := n.eth.CallContractAtHash(ctx, ethereum.CallMsg{To: &contract, Data: data}, at.Hash)
		if err != nil {
			return err
		}
		return unpack(answer)
	})
}

// sleep waits; false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// ChainID is the node's chain.
func (n *Node) ChainID(ctx context.Context) (id *big.Int, err error) {
	err = ask(ctx, "eth_chainId", func(ctx context.Context) (err error) {
		id, err = n.eth.ChainID(ctx)
		return err
	})
	return id, err
}

// Block is what is read of a block: its hash is the one that the node answers, since other chains' headers hash in other ways.
type Block struct {
	Number uint64
	Hash   common.Hash
	Time   uint64 // Unix seconds
}

// unknownBlock is the error that nodes answer with while no block is finalized (execution-apis, "Unknown block").
const unknownBlock = -39001

// Block reads a block by its number in hexadecimal or its tag; nil when there is none.
func (n *Node) Block(ctx context.Context, at string) (b *Block, err error) {
	err = ask(ctx, "eth_getBlockByNumber", func(ctx context.Context) (err error) {
		b, err = n.block(ctx, at)
		var answer rpc.Error
		if errors.As(err, &answer) && answer.ErrorCode() == unknownBlock {
			return nil
		}
		return err
	})
	return b, err
}

func (n *Node) block(ctx context.Context, at string) (*Block, error) {
	var raw json.RawMessage
	if err := n.rpc.CallContext(ctx, &raw, "eth_getBlockByNumber", at, false); err != nil {
		return nil, err
	}
	var read *struct {
		Number hexutil.Uint64 `json:"number"`
		Hash   common.Hash    `json:"hash"`
		Time   hexutil.Uint64 `json:"timestamp"`
	}
	if err := json.Unmarshal(raw, &read); err != nil || read == nil {
		return nil, err
	}
	if read.Hash == (common.Hash{}) {
		return nil, errors.New("a block without a hash")
	}
	return &Block{Number: uint64(read.Number), Hash: read.Hash, Time: uint64(read.Time)}, nil
}

// Code reads what is at an address, as it is at a block.
func (n *Node) Code(ctx context.Context, contract common.Address, at Block) (code []byte, err error) {
	err = readAt(ctx, "eth_getCode", func(ctx context.Context) (err error) {
		code, err = n.eth.CodeAtHash(ctx, contract, at.Hash)
		return err
	})
	return code, err
}

// Receipt reads a transaction's receipt; nil when the chain does not know it.
func (n *Node) Receipt(ctx context.Context, tx common.Hash) (r *types.Receipt, err error) {
	err = ask(ctx, "eth_getTransactionReceipt", func(ctx context.Context) (err error) {
		r, err = n.eth.TransactionReceipt(ctx, tx)
		if errors.Is(err, ethereum.NotFound) {
			return nil
		}
		return err
	})
	return r, err
}

// Head is a contract's log as one block shows it.
type Head struct {
	Size uint64 // batches in it
	Root common.Hash
}

// ReadLog reads a contract's log, as it is at a block.
func (n *Node) ReadLog(ctx context.Context, contract common.Address, at Block) (log Head, err error) {
	functions := binding.NewSaleAnchor()
	if err := n.Call(ctx, contract, functions.PackNextBatchId(), at, func(answer []byte) error {
		next, err := functions.UnpackNextBatchId(answer)
		log.Size = max(next, 1) - 1 // below 1 is a node's lie
		return err
	}); err != nil {
		return log, err
	}
	err = n.Call(ctx, contract, functions.PackLogRoot(), at, func(answer []byte) (err error) {
		log.Root, err = functions.UnpackLogRoot(answer)
		return err
	})
	return log, err
}
