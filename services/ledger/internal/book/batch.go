package book

import (
	"math"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
)

func readBatch(msg stream.Message) (event.Batch, error) {
	e, err := event.Decode[event.Batch](msg.Data)
	if err != nil {
		return event.Batch{}, err
	}
	if _, err := parseTime(e.At, "at"); err != nil {
		return event.Batch{}, err
	}
	if e.BatchID == 0 || e.BatchID > math.MaxInt64 || e.Deployment <= 0 {
		return event.Batch{}, fault.New(fault.Invalid, "batch_id and deployment start at 1")
	}
	if e.Size < 1 || e.Size > merkle.MaxLeaves {
		return event.Batch{}, fault.New(fault.Invalid, "size must be between 1 and %d", merkle.MaxLeaves)
	}
	// sales.get and proofs.get rely on it
	if mined := e.State == event.BatchMined || e.State == event.BatchFinal; mined && (e.TxHash == nil || e.BlockNumber == nil || e.BlockHash == nil) {
		return event.Batch{}, fault.New(fault.Invalid, "a batch that is %s must have tx_hash, block_number and block_hash", e.State)
	}
	return e, nil
}

func batchColumns(rows []event.Batch) pgx.NamedArgs {
	return pgx.NamedArgs{
		"deployment":   postgres.Column(rows, func(r *event.Batch) int64 { return r.Deployment }),
		"batch_id":     postgres.Column(rows, func(r *event.Batch) int64 { return int64(r.BatchID) }),
		"root":         postgres.Column(rows, func(r *event.Batch) []byte { return r.Root.Bytes() }),
		"size":         postgres.Column(rows, func(r *event.Batch) int64 { return int64(r.Size) }),
		"state":        postgres.Column(rows, func(r *event.Batch) string { return string(r.State) }),
		"tx_hash":      postgres.Column(rows, func(r *event.Batch) []byte { return hashBytes(r.TxHash) }),
		"nonce":        postgres.Column(rows, func(r *event.Batch) *string { return decimal(r.Nonce) }),
		"block_number": postgres.Column(rows, func(r *event.Batch) *string { return decimal(r.BlockNumber) }),
		"block_hash":   postgres.Column(rows, func(r *event.Batch) []byte { return hashBytes(r.BlockHash) }),
		"sequence":     postgres.Column(rows, func(r *event.Batch) int64 { return r.Sequence }),
	}
}

// hashBytes is nil, which Postgres stores as null, for a hash that is not known yet.
func hashBytes(h *common.Hash) []byte {
	if h == nil {
		return nil
	}
	return h.Bytes()
}

func decimal(n *uint64) *string {
	if n == nil {
		return nil
	}
	text := strconv.FormatUint(*n, 10)
	return &text
}
