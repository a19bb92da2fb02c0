package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/shared/batchlog"
)

const progressEvery = 2 * time.Second // between two lines about a search

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
	for _, id := range batchlog.RowsOf(p.batchID, v.log.Size) {
		r.rows[id] = nil
	}
	err = s.search(ctx, p, v, &r)
	switch {
	case err != nil:
		return nil, nil, err
	case r.log.Size() < v.log.Size:
		return nil, nil, fmt.Errorf("they end with batch %d of %d", r.log.Size(), v.log.Size)
	case r.log.Root() != v.log.Root:
		return nil, nil, errors.New("they do not give the contract's logRoot")
	case r.batch != p.entry():
		return nil, &r.batch, nil
	}
	included, err := batchlog.Include(p.batchID, v.log.Size, r.rows)
	return included.Path, nil, err
}

// search goes through the blocks from the contract's first to the head, until it has as many batches as the log.
func (s sources) search(ctx context.Context, p proof, v view, r *rebuilt) error {
	told := time.Now()
	return s.Walk(ctx, p.contract, p.deployed, v.head.Number, func(from uint64) (more bool) {
		if s.Progress != nil && time.Since(told) > progressEvery {
			told = time.Now()
			_, _ = fmt.Fprintf(s.Progress, "the contract's events: block %d of %d, batch %d of %d\n", from, v.head.Number, r.log.Size(), v.log.Size)
		}
		return r.log.Size() < v.log.Size
	}, func(log *types.Log) error { return r.add(p.contract, log) })
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
