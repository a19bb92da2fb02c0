package node

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/contracts/binding"
)

const (
	logWindow      = 1000    // blocks that are searched at once, as providers allow; halved where one allows less
	leastLogWindow = 8       // no provider allows less: a refusal then has another cause
	growAfter      = 16      // windows in a row that were allowed, before a larger one is tried: a refusal may have had another cause
	maxQueries     = 100_000 // of one search: 38 years of Ethereum's blocks at the full window
	busyTries      = 4       // of one query to a node that says it is busy, with pauses from firstPause up
)

// Walk goes through a contract's BatchAnchored events in the blocks from one to another, as long as there are more to come: which is asked before each part.
func (n *Node) Walk(ctx context.Context, contract common.Address, from, last uint64, more func(from uint64) bool, add func(*types.Log) error) error {
	window, allowed := uint64(logWindow), 0
	for range maxQueries {
		if from > last || !more(from) {
			return nil
		}
		to := last
		if to-from >= window {
			to = from + window - 1
		}
		logs, err := n.batches(ctx, contract, from, to)
		switch {
		case err != nil && window > leastLogWindow && !busy(err) && ctx.Err() == nil:
			window, allowed = max(window/2, leastLogWindow), 0
			continue
		case err != nil:
			return errors.New(Reason(err))
		}
		for i := range logs {
			if err := add(&logs[i]); err != nil {
				return err
			}
		}
		from = to + 1
		if allowed++; allowed%growAfter == 0 {
			window = min(2*window, logWindow)
		}
	}
	return fmt.Errorf("more than %d queries are needed", maxQueries)
}

// batches reads the BatchAnchored events of some blocks, again while the node is busy.
func (n *Node) batches(ctx context.Context, contract common.Address, from, to uint64) (logs []types.Log, err error) {
	query := ethereum.FilterQuery{
		FromBlock: new(big.Int).SetUint64(from), ToBlock: new(big.Int).SetUint64(to), Addresses: []common.Address{contract},
		Topics: binding.BatchAnchoredTopics(),
	}
	pause := firstPause
	for try := 1; ; try++ {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		logs, err = n.eth.FilterLogs(call, query)
		cancel()
		if err == nil || !busy(err) || try == busyTries || !sleep(ctx, pause) {
			return logs, err
		}
		pause *= 2
	}
}

func busy(err error) bool {
	status, is := errors.AsType[rpc.HTTPError](err)
	return is && (status.StatusCode == http.StatusTooManyRequests || status.StatusCode == http.StatusServiceUnavailable)
}
