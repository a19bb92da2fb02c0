package chain

import (
	"context"
	"errors"
	"math/big"
	"slices"

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

// Same reports whether both are one chain.
func (i Identity) Same(other Identity) bool {
	return i.ChainID != nil && other.ChainID != nil && i.ChainID.Cmp(other.ChainID) == 0 && i.Genesis == other.Genesis
}

// Identify asks every node anew which chain this is: the one that most of the configured nodes are on, or where there are no such,
// the only one among them that is known, the one that was settled on before, or at the start what half of the nodes say alone. A node on
// another chain is left out from then on, until Identify finds otherwise. Nodes that differ without a majority are Invalid. What one
// node says is not kept for good: whoever asks again, at a new lease say, hears what the nodes say then.
func (c *Client) Identify(ctx context.Context, known ...Identity) (Identity, error) {
	said := make([]Identity, len(c.nodes))
	errs := each(ctx, c.nodes, func(ctx context.Context, i int, n *node) (err error) {
		said[i], err = n.identifyAnew(ctx)
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
		votes[id.name()]++
		byName[id.name()] = id
	}
	if len(votes) == 0 {
		return Identity{}, fault.New(fault.Transient, "no node of WEB3_PROVIDER answers: %w", last)
	}
	settled := c.identity.Load()
	name := elect(votes, len(c.nodes), settled, known)
	switch {
	case name != "":
		id := byName[name]
		c.identity.Store(&id)
		return id, nil
	case settled != nil:
		return Identity{}, fault.New(fault.Transient, "no node of WEB3_PROVIDER says that it is on the chain that it was on, and fewer than most say another")
	case len(votes) == 1:
		return Identity{}, fault.New(fault.Transient, "most nodes of WEB3_PROVIDER don't answer")
	}
	return Identity{}, fault.New(fault.Invalid, "WEB3_PROVIDER: the URLs are on different chains")
}

// elect picks the chain to believe in from what so many nodes said, by name; "" when there is none.
func elect(votes map[string]int, nodes int, settled *Identity, known []Identity) string {
	var familiar []string
	for name, n := range votes {
		if 2*n > nodes {
			return name
		}
		if slices.ContainsFunc(known, func(k Identity) bool { return k.name() == name }) {
			familiar = append(familiar, name)
		}
	}
	if len(familiar) == 1 {
		return familiar[0]
	}
	if settled != nil {
		if votes[settled.name()] > 0 {
			return settled.name()
		}
		return ""
	}
	for name, n := range votes {
		if len(votes) == 1 && 2*n >= nodes {
			return name
		}
	}
	return ""
}

// name is the same for the same chain.
func (i Identity) name() string { return i.ChainID.String() + i.Genesis.Hex() }

var errOtherChain = errors.New("it is on another chain")

// settled refuses an identity that is not the one that Identify settled on.
func (c *Client) settled(id Identity) error {
	if own := c.identity.Load(); own != nil && !own.Same(id) {
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
