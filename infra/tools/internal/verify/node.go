package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/wait"
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
func Dial(ctx context.Context, urls config.Secret) (*Node, error) {
	var last error
	for each := range strings.SplitSeq(urls.Reveal(), ",") {
		u, err := parseURL(config.Secret(each))
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

func parseURL(text config.Secret) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text.Reveal()))
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
	return fmt.Sprintf("the node could not be queried (%s: %s)", e.method, reason(e.cause))
}

func (e *nodeError) Unwrap() error { return e.cause }

// reason describes in its own words why there was no answer: the error's may contain the URL, and a node's message the key.
func reason(err error) string {
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
		if !errors.As(err, &refused) || try == tries || !wait.Pause(ctx, pause) {
			return err
		}
		pause *= 2
	}
}

// call asks the contract something, as it is at a block (EIP-1898).
func (n *Node) call(ctx context.Context, contract common.Address, data []byte, at block, unpack func([]byte) error) error {
	return readAt(ctx, "eth_call", func(ctx context.Context) error {
		answer, err := n.eth.CallContractAtHash(ctx, ethereum.CallMsg{To: &contract, Data: data}, at.hash)
		if err != nil {
			return err
		}
		return unpack(answer)
	})
}

// block reads a block by its number or tag; nil when there is none.
func (n *Node) block(ctx context.Context, at string) (*block, error) {
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
	return &block{number: uint64(read.Number), hash: read.Hash, time: uint64(read.Time)}, nil
}
