package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/config"
)

// nodes are what the auditor asks of the chains: nodes of theirs, one or several of each.
type nodes struct{ of map[string][]*verify.Node } // by chain id

// dial connects to every node of a comma-separated list; each must answer.
func dial(ctx context.Context, urls config.Secret) (*nodes, error) {
	all := &nodes{of: make(map[string][]*verify.Node)}
	for i, url := range strings.Split(urls.Reveal(), ",") {
		node, err := verify.Dial(ctx, config.Secret(url))
		if err != nil {
			all.close()
			return nil, fmt.Errorf("node %d of -rpc: %w", i+1, err)
		}
		id, err := node.ChainID(ctx)
		if err != nil {
			node.Close()
			all.close()
			return nil, fmt.Errorf("node %d of -rpc: %w", i+1, err)
		}
		all.of[id] = append(all.of[id], node)
	}
	return all, nil
}

func (n *nodes) close() {
	for _, of := range n.of {
		for _, node := range of {
			node.Close()
		}
	}
}

// Log is the log that the node with the least finalized block shows; a node that is further must not have another.
func (n *nodes) Log(ctx context.Context, chainID string, contract common.Address) (audit.Log, error) {
	if len(n.of[chainID]) == 0 {
		return audit.Log{}, audit.ErrOtherChain
	}
	var logs []audit.Log
	for i, node := range n.of[chainID] {
		log, err := node.Log(ctx, contract)
		if err != nil {
			return audit.Log{}, fmt.Errorf("node %d of chain %s: %w", i+1, chainID, err)
		}
		logs = append(logs, log)
	}
	least := logs[0]
	for _, log := range logs[1:] {
		if log.Size == least.Size && log.Root != least.Root {
			return audit.Log{}, errNodesDiffer
		}
		if log.Size < least.Size {
			least = log
		}
	}
	return least, nil
}

var errNodesDiffer = errors.New("the nodes show different logs of the same size: one of them is wrong, so nothing is known")

// Batches reads the events of one node.
func (n *nodes) Batches(ctx context.Context, chainID string, contract common.Address, from uint64, at audit.Log, do func(audit.Announced) error) error {
	return n.of[chainID][0].Batches(ctx, contract, from, at, do)
}
