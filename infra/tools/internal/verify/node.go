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

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/shared/config"
)

// callTimeout bounds one call to a node.
const callTimeout = 15 * time.Second

// Node is an Ethereum node that is queried over JSON-RPC.
type Node struct {
	rpc *rpc.Client
	eth *ethclient.Client
}

// Dial takes the first of the comma-separated URLs whose node answers. No error contains a URL, since that may hold a key.
func Dial(ctx context.Context, urls config.Secret) (*Node, error) {
	var last error
	for each := range strings.SplitSeq(urls.Reveal(), ",") {
		u, err := url.Parse(strings.TrimSpace(each))
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, errors.New("the RPC URL is not http or https")
		}
		client, err := rpc.DialOptions(ctx, u.String(), rpc.WithHTTPClient(&http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}))
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

// Close closes the connection to the node.
func (n *Node) Close() { n.rpc.Close() }

// ask bounds a call and strips from its error everything that could contain a URL.
func ask(ctx context.Context, method string, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := question(ctx); err != nil {
		return fmt.Errorf("the node could not be queried (%s: %s)", method, reason(err))
	}
	return nil
}

// reason describes in its own words why a node gave no answer: the error's may contain the URL, and a node's message the key.
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

func askChainID(ctx context.Context, n *Node, _ proof, v *view) error {
	return ask(ctx, "eth_chainId", func(ctx context.Context) (err error) {
		v.chainID, err = n.eth.ChainID(ctx)
		return err
	})
}

func askCode(ctx context.Context, n *Node, p proof, v *view) error {
	return ask(ctx, "eth_getCode", func(ctx context.Context) (err error) {
		v.code, err = n.eth.CodeAt(ctx, p.contract, nil)
		return err
	})
}

// askRoot and askVerify call code that the step "contract" has found to be ours: it can't revert here.
func askRoot(ctx context.Context, n *Node, p proof, v *view) error {
	contract := binding.NewSaleAnchor()
	return ask(ctx, "eth_call", func(ctx context.Context) error {
		answer, err := n.eth.CallContract(ctx, ethereum.CallMsg{To: &p.contract, Data: contract.PackRootOf(p.batchID)}, nil)
		if err != nil {
			return err
		}
		v.root, err = contract.UnpackRootOf(answer)
		return err
	})
}

func askVerify(ctx context.Context, n *Node, p proof, v *view) error {
	contract := binding.NewSaleAnchor()
	siblings := make([][32]byte, len(p.Proof.Proof))
	for i, sibling := range p.Proof.Proof {
		siblings[i] = sibling
	}
	data := contract.PackVerify(p.batchID, p.SaleHash, p.wei, siblings)
	return ask(ctx, "eth_call", func(ctx context.Context) error {
		answer, err := n.eth.CallContract(ctx, ethereum.CallMsg{To: &p.contract, Data: data}, nil)
		if err != nil {
			return err
		}
		v.accepted, err = contract.UnpackVerify(answer)
		return err
	})
}

func askReceipt(ctx context.Context, n *Node, p proof, v *view) error {
	return ask(ctx, "eth_getTransactionReceipt", func(ctx context.Context) (err error) {
		v.receipt, err = n.eth.TransactionReceipt(ctx, p.Chain.TxHash)
		if errors.Is(err, ethereum.NotFound) {
			return nil
		}
		return err
	})
}

func askCanonical(ctx context.Context, n *Node, p proof, v *view) error {
	return ask(ctx, "eth_getBlockByNumber", func(ctx context.Context) (err error) {
		v.canonical, err = n.block(ctx, hexutil.EncodeUint64(p.blockNumber))
		return err
	})
}

// unknownBlock is the error that nodes answer with while no block is finalized (execution-apis, "Unknown block").
const unknownBlock = -39001

func askFinalized(ctx context.Context, n *Node, p proof, v *view) error {
	if p.Chain.Finality != claimedFinal {
		return nil
	}
	return ask(ctx, "eth_getBlockByNumber", func(ctx context.Context) (err error) {
		v.finalized, err = n.block(ctx, "finalized")
		var answer rpc.Error
		if errors.As(err, &answer) && answer.ErrorCode() == unknownBlock {
			return nil
		}
		return err
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
	}
	if err := json.Unmarshal(raw, &read); err != nil || read == nil {
		return nil, err
	}
	return &block{number: uint64(read.Number), hash: read.Hash}, nil
}
