package verify

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	logWindow      = 1000            // blocks that are searched at once, as providers allow; halved where one allows less
	leastLogWindow = 8               // no provider allows less: a refusal then has another cause
	growAfter      = 16              // windows in a row that were allowed, before a larger one is tried: a refusal may have had another cause
	maxQueries     = 100_000         // of one search: 38 years of Ethereum's blocks at the full window
	busyTries      = 4               // of one query to a node that says it is busy, with pauses from firstPause up
	progressEvery  = 2 * time.Second // between two lines about a search
)

// rebuilt is the contract's log as its events give it, as far as it has been read.
type rebuilt struct {
	log    *batchlog.Log
	rows   map[uint64]batchlog.Row // those that make the path, nil while not read
	wanted uint64                  // a batch's id
	batch  batchlog.Batch          // the one with that id
}

// rebuild reads all events of the contract up to the head and makes the batch's path of them, or names the batch that stands in its
// place. Its error says why they are of no use.
func (s sources) rebuild(ctx context.Context, p proof, v view) (path []common.Hash, other *batchlog.Batch, err error) {
	r := rebuilt{log: batchlog.New(), rows: map[uint64]batchlog.Row{}, wanted: p.batchID}
	for _, id := range batchlog.RowsOf(p.batchID, v.log.size) {
		r.rows[id] = nil
	}
	err = s.search(ctx, p, v, &r)
	switch {
	case err != nil:
		return nil, nil, err
	case r.log.Size() < v.log.size:
		return nil, nil, fmt.Errorf("they end with batch %d of %d", r.log.Size(), v.log.size)
	case r.log.Root() != v.log.root:
		return nil, nil, errors.New("they do not give the contract's logRoot")
	case r.batch != p.entry():
		return nil, &r.batch, nil
	}
	included, err := batchlog.Include(p.batchID, v.log.size, r.rows)
	return included.Path, nil, err
}

// search goes through the blocks from the contract's first to the head, until it has as many batches as the log.
func (s sources) search(ctx context.Context, p proof, v view, r *rebuilt) error {
	told := time.Now()
	return s.walk(ctx, p.contract, p.deployed, v.head.number, func(from uint64) (more bool) {
		if s.Progress != nil && time.Since(told) > progressEvery {
			told = time.Now()
			_, _ = fmt.Fprintf(s.Progress, "the contract's events: block %d of %d, batch %d of %d\n", from, v.head.number, r.log.Size(), v.log.size)
		}
		return r.log.Size() < v.log.size
	}, func(log *types.Log) error { return r.add(p.contract, log) })
}

// walk goes through a contract's events in the blocks from one to another, as long as there are more to come: which is asked before each part.
func (n *Node) walk(ctx context.Context, contract common.Address, from, last uint64, more func(from uint64) bool, add func(*types.Log) error) error {
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
			return errors.New(reason(err))
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

func (r *rebuilt) add(contract common.Address, log *types.Log) error {
	emitted, err := binding.NewSaleAnchor().UnpackBatchAnchoredEvent(log)
	if err != nil || log.Address != contract {
		return errors.New("one is not the contract's BatchAnchored")
	}
	b := batchlog.Batch{ID: emitted.BatchId, Root: emitted.Root, Size: emitted.Size}
	row, err := r.log.Append(b)
	if err != nil {
		return fmt.Errorf("batch %d follows %d", b.ID, r.log.Size())
	}
	if _, needed := r.rows[b.ID]; needed {
		r.rows[b.ID] = row
	}
	if b.ID == r.wanted {
		r.batch = b
	}
	return nil
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
		if err == nil || !busy(err) || try == busyTries || !wait.Pause(ctx, pause) {
			return logs, err
		}
		pause *= 2
	}
}

func busy(err error) bool {
	status, is := errors.AsType[rpc.HTTPError](err)
	return is && (status.StatusCode == http.StatusTooManyRequests || status.StatusCode == http.StatusServiceUnavailable)
}
