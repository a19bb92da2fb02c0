package chain

import (
	"context"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/tillseal/tillseal/shared/fault"
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
