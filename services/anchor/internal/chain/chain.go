// Package chain reads the Ethereum chain and sends to it, by JSON-RPC. It decides nothing: what it sees at one block goes to
// package step.
package chain

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

const (
	callTimeout = 10 * time.Second // for one RPC call with its repetitions; a check makes several, some at the same time
	callsAtOnce = 8                // to one node, when a check asks about several batches
	idleTimeout = 90 * time.Second // of a connection between checks
	maxNodes    = 8                // URLs in WEB3_PROVIDER
)

// Client talks to one or several nodes of the same chain. It is safe for concurrent use.
type Client struct {
	nodes    []*node
	log      *slog.Logger
	contract *binding.SaleAnchor
	identity atomic.Pointer[Identity]
	wire     *http.Transport
}

// New reads WEB3_PROVIDER, comma-separated URLs, without connecting. URLs may hold keys and are never shown: nodes have numbers.
func New(ctx context.Context, provider config.Secret, log *slog.Logger) (*Client, error) {
	c := &Client{log: log, contract: binding.NewSaleAnchor(), wire: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: callsAtOnce, IdleConnTimeout: idleTimeout, TLSHandshakeTimeout: callTimeout,
		ForceAttemptHTTP2: true,
	}}
	caller := &http.Client{Transport: patient{c.wire}, Timeout: callTimeout}
	urls := strings.Split(provider.Reveal(), ",")
	if len(urls) > maxNodes {
		return nil, fault.New(fault.Invalid, "WEB3_PROVIDER has more than %d URLs", maxNodes)
	}
	for i, url := range urls {
		url = strings.TrimSpace(url)
		if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			return nil, fault.New(fault.Invalid, "WEB3_PROVIDER: URL %d is not http or https", i+1)
		}
		client, err := rpc.DialOptions(ctx, url, rpc.WithHTTPClient(caller))
		if err != nil {
			return nil, fault.New(fault.Invalid, "WEB3_PROVIDER: URL %d can't be used", i+1)
		}
		c.nodes = append(c.nodes, &node{Client: ethclient.NewClient(client), number: i + 1, warned: rate.Sometimes{Interval: warnAgain}})
	}
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() {
	for _, n := range c.nodes {
		n.Close()
	}
	c.wire.CloseIdleConnections()
}
