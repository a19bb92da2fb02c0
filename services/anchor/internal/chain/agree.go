package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/fault"
)

const (
	maxLagBlocks = 3                // behind the middle one of the nodes; one further back is left out
	identityLife = 30 * time.Second // how long a node's answer which chain it is on is believed
	nodeTimeout  = 3 * time.Second  // for what every node is asked: one that hangs must not hold up the others
	warnAgain    = 5 * time.Minute  // how often the log warns that a node is left out
	restFor      = 30 * time.Second // how long a node that hung or failed is not asked while others are available
)

// node is one URL of WEB3_PROVIDER. It is known by its number: its URL may hold a key.
type node struct {
	*ethclient.Client
	number int

	mu       sync.Mutex
	identity Identity
	asked    time.Time
	resting  time.Time      // until when
	warned   rate.Sometimes // that it is left out
}

// rest leaves the node out for a while: others may serve better.
func (n *node) rest() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.resting = time.Now().Add(restFor)
}

// wake has the node asked again at the next check.
func (n *node) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.resting = time.Time{}
}

// leftOut is the level at which to log that the node is left out: a warning once in a while only, since it may be left out of every check.
func (n *node) leftOut() slog.Level {
	level := slog.LevelDebug
	n.warned.Do(func() { level = slog.LevelWarn })
	return level
}

func (n *node) rests() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Before(n.resting)
}

// identify asks the node which chain it is on, at most every identityLife: what a load balancer answers may change. An answer that
// is not the expected one is not kept but asked for again the next time: one wrong answer leaves the node out of one check.
func (n *node) identify(ctx context.Context, expected *Identity) (Identity, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.asked) < identityLife && (expected == nil || expected.Same(n.identity)) {
		return n.identity, nil
	}
	return n.ask(ctx)
}

// identifyNow asks the node which chain it is on, however fresh its last answer is.
func (n *node) identifyNow(ctx context.Context) (Identity, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ask(ctx)
}

// ask is for holders of the node's lock.
func (n *node) ask(ctx context.Context) (Identity, error) {
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

// askable are the nodes that do not rest, or all when less than half are left: so few could not outvote liars.
func (c *Client) askable() []*node {
	var awake []*node
	for _, n := range c.nodes {
		if !n.rests() {
			awake = append(awake, n)
		}
	}
	if 2*len(awake) < len(c.nodes) {
		return c.nodes
	}
	return awake
}

// each asks all nodes the same at the same time, each for at most nodeTimeout, and returns each one's error.
func each(ctx context.Context, nodes []*node, ask func(ctx context.Context, i int, n *node) error) []error {
	errs := make([]error, len(nodes))
	var asking sync.WaitGroup
	for i, n := range nodes {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
			defer cancel()
			errs[i] = ask(ctx, i, n)
		})
	}
	asking.Wait()
	return errs
}

// heads asks every node that is on the chain that c works with. When all that are configured report another chain at once, it is a
// Conflict: the chain was replaced, and whoever works on it has to start over. Fewer may be there by mistake.
func (c *Client) heads(ctx context.Context) (all []seen, err error) {
	nodes := c.askable()
	answers := make([]seen, len(nodes))
	errs := each(ctx, nodes, func(ctx context.Context, i int, n *node) error {
		id, err := n.identify(ctx, c.identity.Load())
		if err != nil {
			return hide(err)
		}
		if err := c.expect(id); err != nil {
			return err
		}
		head, err := n.HeaderByNumber(ctx, nil)
		if err != nil {
			return hide(err)
		}
		answers[i] = seen{n, head}
		return nil
	})
	elsewhere := 0
	for i, failed := range errs {
		if failed == nil {
			all = append(all, answers[i])
			continue
		}
		err = failed
		if errors.Is(failed, errOtherChain) {
			elsewhere++
		} else {
			nodes[i].rest()
		}
		c.log.Log(ctx, nodes[i].leftOut(), "a node of WEB3_PROVIDER is left out", "node", nodes[i].number, "reason", failed)
	}
	if len(all) == 0 {
		for _, n := range c.nodes {
			n.wake() // those that rest may serve again, and whether they are on another chain must be asked, too
		}
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

// latest picks the newest block that most nodes agree on, and the nodes that do, to read from. With one node that is its head.
// Nodes that don't answer, are on another chain or are more than maxLagBlocks behind have no vote.
func (c *Client) latest(ctx context.Context) ([]seen, error) {
	all, err := c.heads(ctx)
	if err != nil {
		return nil, err
	}
	all = withoutLaggards(all)
	height := all[quorum(len(all))-1].head.Number // as many have reached it
	var nodes []*node
	for _, s := range all {
		nodes = append(nodes, s.node)
	}
	_ = each(ctx, nodes, func(ctx context.Context, i int, n *node) (err error) {
		if all[i].head.Number.Cmp(height) > 0 {
			var older *types.Header
			if older, err = n.HeaderByNumber(ctx, height); err == nil {
				all[i].head = older
			} // otherwise it has no vote; the others may do
		}
		return err
	})
	votes := make(map[common.Hash][]seen)
	for _, s := range all {
		if s.head.Number.Cmp(height) == 0 {
			hash := s.head.Hash()
			votes[hash] = append(votes[hash], s)
		}
	}
	for _, agreeing := range votes {
		if len(agreeing) >= quorum(len(all)) {
			return agreeing, nil
		}
	}
	return nil, fault.New(fault.Transient, "the nodes of WEB3_PROVIDER disagree about block %s", height)
}

// quorum is how many of n nodes are most of them.
func quorum(n int) int { return n/2 + 1 }

// withoutLaggards sorts by height, the highest first, and drops nodes that are too far behind the middle one. Measured from the highest,
// a single node that invents blocks would outvote all others.
func withoutLaggards(all []seen) []seen {
	slices.SortFunc(all, func(a, b seen) int {
		return cmp.Or(b.head.Number.Cmp(a.head.Number), cmp.Compare(a.node.number, b.node.number))
	})
	middle := all[(len(all)-1)/2].head.Number
	least := new(big.Int).Sub(middle, big.NewInt(maxLagBlocks))
	return slices.DeleteFunc(all, func(s seen) bool { return s.head.Number.Cmp(least) < 0 })
}

// Most reports whether n nodes are most of those in WEB3_PROVIDER. Fewer are followed while the others are unavailable, but on their
// word alone nothing counts as final, and nothing as wrong.
func (c *Client) Most(n int) bool { return n >= quorum(len(c.nodes)) }

// finalHeights reads the finalized and the safe height that most of the configured nodes have reached, 0 when fewer agree: one
// node alone could call final what is not.
func (c *Client) finalHeights(ctx context.Context, agreeing []seen) (finalized, safe uint64, err error) {
	nodes := make([]*node, len(agreeing))
	for i, s := range agreeing {
		nodes[i] = s.node
	}
	finals, safes := make([]uint64, len(nodes)), make([]uint64, len(nodes))
	errs := each(ctx, nodes, func(ctx context.Context, i int, n *node) (err error) {
		if finals[i], err = height(ctx, n.Client, rpc.FinalizedBlockNumber); err != nil {
			return err
		}
		safes[i], err = height(ctx, n.Client, rpc.SafeBlockNumber)
		return err
	})
	var answeredFinal, answeredSafe []uint64
	for i := range nodes {
		if errs[i] == nil {
			answeredFinal, answeredSafe = append(answeredFinal, finals[i]), append(answeredSafe, safes[i])
		}
	}
	switch {
	case len(answeredFinal) == 0:
		return 0, 0, fmt.Errorf("read the final block: %w", errors.Join(errs...))
	case !c.Most(len(answeredFinal)):
		return 0, 0, nil
	}
	most := quorum(len(c.nodes))
	finalized = reachedBy(most, answeredFinal)
	return finalized, max(finalized, reachedBy(most, answeredSafe)), nil
}

// reachedBy is the greatest height that at least n have reached.
func reachedBy(n int, heights []uint64) uint64 {
	slices.Sort(heights)
	return heights[len(heights)-n]
}
