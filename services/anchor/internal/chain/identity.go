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

// Identity distinguishes one chain from another.
type Identity struct {
	ChainID *big.Int
	Genesis common.Hash
}

// developmentChains hold nothing of value: 1337 is geth's and ours, 31337 Anvil's and Hardhat's.
var developmentChains = map[string]bool{"1337": true, "31337": true}

// Development reports whether the chain is one that anybody makes and throws away.
func (i Identity) Development() bool { return developmentChains[i.ChainID.String()] }

// Same reports whether both are one chain.
func (i Identity) Same(other Identity) bool {
	return i.ChainID != nil && other.ChainID != nil && i.ChainID.Cmp(other.ChainID) == 0 && i.Genesis == other.Genesis
}

// Identify asks every node again which chain it is on, and elects one: the chain that most of the configured nodes are on; without such
// a majority the only known one among those reported, or the one elected before; at the start what half of the nodes report if nobody
// contradicts. A node on another chain is left out from then on, until Identify finds otherwise. Nodes that differ without a majority
// are Invalid. The answer is not kept for good: whoever asks again, at a new lease for example, gets what the nodes report then.
func (c *Client) Identify(ctx context.Context, known ...Identity) (Identity, error) {
	reported := make([]Identity, len(c.nodes))
	errs := each(ctx, c.nodes, func(ctx context.Context, i int, n *node) (err error) {
		reported[i], err = n.identifyNow(ctx)
		return err
	})
	votes := make(map[string]int)
	byName := make(map[string]Identity)
	var last error
	for i, id := range reported {
		if errs[i] != nil {
			last = hide(errs[i])
			c.log.Warn("a node of WEB3_PROVIDER did not answer which chain it is on", "node", i+1, "error", last)
			continue
		}
		votes[id.name()]++
		byName[id.name()] = id
	}
	if len(votes) == 0 {
		return Identity{}, fault.New(fault.Transient, "no node of WEB3_PROVIDER answers: %w", last)
	}
	previous := c.identity.Load()
	name := elect(votes, len(c.nodes), previous, known)
	switch {
	case name != "":
		id := byName[name]
		c.identity.Store(&id)
		return id, nil
	case previous != nil:
		return Identity{}, fault.New(fault.Transient, "the nodes of WEB3_PROVIDER no longer report the known chain, but too few of them report another")
	case len(votes) == 1:
		return Identity{}, fault.New(fault.Transient, "most nodes of WEB3_PROVIDER don't answer")
	}
	return Identity{}, fault.New(fault.Invalid, "WEB3_PROVIDER: the URLs are on different chains")
}

// elect picks the chain to believe in, by name, from the votes of so many configured nodes; "" when there is none.
func elect(votes map[string]int, nodes int, previous *Identity, known []Identity) string {
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
	if previous != nil {
		if votes[previous.name()] > 0 {
			return previous.name()
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

// expect refuses an identity other than the one that Identify elected.
func (c *Client) expect(id Identity) error {
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
