package chain

import (
	"cmp"
	"context"
	"errors"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/tillseal/tillseal/shared/fault"
)

const (
	maxLagBlocks = 3                // behind the furthest node; one further back is left out
	identityLife = 30 * time.Second // how long a node is believed to be on the chain that it said
)

// node is one URL of WEB3_PROVIDER. It is known by its number: its URL may hold a key.
type node struct {
	*ethclient.Client
	number int

	mu       sync.Mutex
	identity Identity
	asked    time.Time
}

// identify asks the node which chain it is on, at most every identityLife: what a load balancer answers may change.
func (n *node) identify(ctx context.Context) (Identity, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.asked) < identityLife {
		return n.identity, nil
	}
	id, err := identify(ctx, n.Client)
	if err != nil {
		return Identity{}, err
	}
	n.identity, n.asked = id, time.Now()
	return id, nil
}

// seen is one node's head.
type seen struct {
	node *node
	head *types.Header
}

// heads asks every node that is on the chain c works with, side by side. Nodes that all say they are on another chain are a
// Conflict: the chain was replaced, and whoever works on it has to look anew.
func (c *Client) heads(ctx context.Context) (all []seen, err error) {
	answers := make([]seen, len(c.nodes))
	errs := make([]error, len(c.nodes))
	var asking sync.WaitGroup
	for i, n := range c.nodes {
		asking.Go(func() {
			id, err := n.identify(ctx)
			if err != nil {
				errs[i] = hide(err)
				return
			}
			if c.settled(id) != nil {
				errs[i] = errOtherChain
				return
			}
			head, err := n.HeaderByNumber(ctx, nil)
			if err != nil {
				errs[i] = hide(err)
				return
			}
			answers[i] = seen{n, head}
		})
	}
	asking.Wait()
	elsewhere := 0
	for i, a := range answers {
		if a.node != nil {
			all = append(all, a)
			continue
		}
		if err = errs[i]; errors.Is(err, errOtherChain) {
			elsewhere++
		}
		c.log.Warn("a node of WEB3_PROVIDER is left out", "node", i+1, "reason", err)
	}
	switch {
	case elsewhere == len(c.nodes):
		c.identity.Store(nil)
		return nil, fault.New(fault.Conflict, "every node of WEB3_PROVIDER is on another chain now")
	case len(all) == 0:
		return nil, fault.New(fault.Transient, "no node of WEB3_PROVIDER answers: %w", err)
	}
	return all, nil
}

// latest picks the newest block that most nodes agree on, and a node to read it from. With one node that is its head. Nodes
// that are away, on another chain or more than maxLagBlocks behind have no say.
func (c *Client) latest(ctx context.Context) (*ethclient.Client, *types.Header, error) {
	all, err := c.heads(ctx)
	if err != nil {
		return nil, nil, err
	}
	all = withoutLaggards(all)
	quorum := len(all)/2 + 1
	height := all[quorum-1].head.Number // as many have reached it
	votes := make(map[common.Hash][]seen)
	for _, s := range all {
		if s.head.Number.Cmp(height) > 0 {
			if s.head, err = s.node.HeaderByNumber(ctx, height); err != nil {
				continue // no vote; the others may do
			}
		}
		if s.head.Number.Cmp(height) == 0 {
			hash := s.head.Hash()
			votes[hash] = append(votes[hash], s)
		}
	}
	for _, agreeing := range votes {
		if len(agreeing) >= quorum {
			return agreeing[0].node.Client, agreeing[0].head, nil
		}
	}
	return nil, nil, fault.New(fault.Transient, "the nodes of WEB3_PROVIDER disagree about block %s", height)
}

// withoutLaggards sorts by height, the highest first, and drops who is too far behind.
func withoutLaggards(all []seen) []seen {
	slices.SortFunc(all, func(a, b seen) int {
		return cmp.Or(b.head.Number.Cmp(a.head.Number), cmp.Compare(a.node.number, b.node.number))
	})
	least := new(big.Int).Sub(all[0].head.Number, big.NewInt(maxLagBlocks))
	return slices.DeleteFunc(all, func(s seen) bool { return s.head.Number.Cmp(least) < 0 })
}
