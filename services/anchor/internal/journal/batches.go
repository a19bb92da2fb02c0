package journal

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Scope is the deployment for which, and the lease under which, the anchor acts.
type Scope struct {
	Deployment int64
	Replay     bool  // the deployment takes all leaves, not only those that are not final at another one
	Epoch      int64 // of the lease; reads ignore it
	LowSeq     int64 // every leaf up to it is in a batch: where the search for waiting ones starts
}

// State reads what step.Next needs, and how far the leaves go, all as of one moment.
func (j *Journal) State(ctx context.Context, s Scope, most int) (state step.Journal, floor Floor, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	asOfOneMoment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = postgres.Fault("read the journal", pgx.BeginTxFunc(ctx, j.pool, asOfOneMoment, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"deployment": s.Deployment, "low": s.LowSeq, "replay": s.Replay, "most": most}
		var root []byte
		if err := tx.QueryRow(ctx, lastBatchSQL, args).Scan(&state.LastID, &root, &state.Now); err != nil {
			return err
		}
		state.FinalRoot = common.BytesToHash(root)
		var oldest *time.Time
		if err := tx.QueryRow(ctx, countWaitingSQL, args).Scan(&state.Waiting.Count, &oldest, &floor.LowestWaiting, &floor.Highest); err != nil {
			return err
		}
		if oldest != nil {
			state.Waiting.Oldest = *oldest
		}
		rows, err := tx.Query(ctx, openBatchesSQL, args)
		if err != nil {
			return err
		}
		if state.Open, err = pgx.CollectRows(rows, scanBatch); err != nil {
			return err
		}
		return attachAttempts(ctx, tx, s.Deployment, state.Open)
	}))
	return state, floor, err
}

// Current is the deployment in use, with an epoch under which nothing can be written; contract is ANCHOR_CONTRACT, zero for none.
// A journal without one has deployment 0.
func (j *Journal) Current(ctx context.Context, contract common.Address) (s Scope, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	args := pgx.NamedArgs{"contract": nil}
	if contract != (common.Address{}) {
		args["contract"] = contract.Bytes()
	}
	err = j.pool.QueryRow(ctx, currentSQL, args).Scan(&s.Deployment, &s.Replay)
	if errors.Is(err, pgx.ErrNoRows) {
		return Scope{}, nil
	}
	return s, postgres.Fault("read the present deployment", err)
}

// StartFloor is a seq up to which no leaf waits, 0 if none is known. rotation is longer than any intake transaction takes.
func (j *Journal) StartFloor(ctx context.Context, s Scope, rotation time.Duration) (low int64, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, startFloorSQL, pgx.NamedArgs{"deployment": s.Deployment, "replay": s.Replay, "rotation": rotation}).Scan(&low)
	return low, postgres.Fault("find where waiting leaves begin", err)
}

// OldestLeaf is when the first leaf of a sealed batch was journaled.
func (j *Journal) OldestLeaf(ctx context.Context, deployment int64, batchID uint64) (at time.Time, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, oldestLeafSQL, pgx.NamedArgs{"deployment": deployment, "batch_id": batchID}).Scan(&at)
	return at, postgres.Fault("read a batch's oldest leaf", err)
}

// Floor is where waiting leaves begin and where all leaves end, by their seq; 0 for none.
type Floor struct{ LowestWaiting, Highest int64 }

func scanBatch(row pgx.CollectableRow) (b step.Batch, err error) {
	var root, logRoot, entry, blockHash, txHash []byte
	var number *string
	if err = row.Scan(&b.ID, &root, &b.Size, &logRoot, &entry, &b.State, &number, &blockHash, &txHash, &b.SealedAt); err != nil {
		return b, err
	}
	b.Root, b.LogRoot, b.MinedTx = common.BytesToHash(root), common.BytesToHash(logRoot), common.BytesToHash(txHash)
	if (batchlog.Batch{ID: b.ID, Root: b.Root, Size: uint32(b.Size)}).Entry() != common.BytesToHash(entry) {
		return b, fault.New(fault.Fatal, "batch %d is not the one that the journal's log has: the journal was changed", b.ID)
	}
	if number != nil {
		b.Mined.Hash = common.BytesToHash(blockHash)
		b.Mined.Number, err = strconv.ParseUint(*number, 10, 64)
	}
	return b, err
}

func attachAttempts(ctx context.Context, tx pgx.Tx, deployment int64, open []step.Batch) error {
	ids := make([]int64, len(open))
	for i, b := range open {
		ids[i] = int64(b.ID)
	}
	byBatch, err := readAttempts(ctx, tx, deployment, ids)
	for i := range open {
		open[i].Attempts = byBatch[open[i].ID]
	}
	return err
}

func readAttempts(ctx context.Context, tx pgx.Tx, deployment int64, batchIDs []int64) (map[uint64][]step.Attempt, error) {
	rows, err := tx.Query(ctx, attemptsSQL, pgx.NamedArgs{"deployment": deployment, "batch_ids": batchIDs})
	if err != nil {
		return nil, err
	}
	byBatch := make(map[uint64][]step.Attempt)
	var (
		id                   uint64
		hash, sender         []byte
		nonce, capWei, tipWe string
		at                   time.Time
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &hash, &sender, &nonce, &capWei, &tipWe, &at}, func() error {
		n, err := strconv.ParseUint(nonce, 10, 64)
		byBatch[id] = append(byBatch[id], step.Attempt{
			Hash: common.BytesToHash(hash), Sender: common.BytesToAddress(sender), Nonce: n, SignedAt: at, Fee: fee.Fee{CapWei: wei(capWei), TipWei: wei(tipWe)},
		})
		return err
	})
	return byBatch, err
}

// Seal makes batch id from the waiting leaves, at most `most` of them, and adds it to the log, in one transaction. No leaf, or an id that
// is taken, is a Conflict.
func (j *Journal) Seal(ctx context.Context, s Scope, id uint64, most int) (size int, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.inTx(ctx, "seal a batch", func(tx pgx.Tx) error {
		leaves, err := takeWaiting(ctx, tx, s, most)
		if err != nil {
			return err
		}
		size = len(leaves)
		hashes := make([]common.Hash, size)
		ids := make([]uuid.UUID, size)
		indexes := make([]int32, size)
		for i, l := range leaves {
			hashes[i], ids[i], indexes[i] = l.hash, l.saleID, int32(i)
		}
		tree, err := merkle.Build(hashes)
		if err != nil {
			return err
		}
		args := pgx.NamedArgs{
			"deployment": s.Deployment, "batch_id": id, "root": tree.Root().Bytes(), "size": size, "epoch": s.Epoch,
			"sale_ids": ids, "indexes": indexes,
		}
		if err := guarded(ctx, tx, insertBatchSQL, args); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertBatchLeavesSQL, args); err != nil {
			return err
		}
		if err := appendToLog(ctx, tx, s.Deployment, batchlog.Batch{ID: id, Root: tree.Root(), Size: uint32(size)}); err != nil {
			return err
		}
		return guarded(ctx, tx, insertEventSQL, eventArgs(s, Move{BatchID: id, To: event.BatchSealed, From: []event.BatchState{""}}))
	})
	return size, err
}

type waitingLeaf struct {
	saleID uuid.UUID
	hash   common.Hash
}

// takeWaiting reads the waiting leaves and puts them in ascending order, that of their indexes.
func takeWaiting(ctx context.Context, tx pgx.Tx, s Scope, most int) ([]waitingLeaf, error) {
	rows, err := tx.Query(ctx, waitingSQL, pgx.NamedArgs{"deployment": s.Deployment, "low": s.LowSeq, "replay": s.Replay, "most": most})
	if err != nil {
		return nil, err
	}
	leaves, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l waitingLeaf, err error) {
		var seq int64
		var hash []byte
		var amountWei string
		var at time.Time
		if err = row.Scan(&seq, &l.saleID, &hash, &amountWei, &at); err != nil {
			return l, err
		}
		l.hash, err = merkle.Leaf(common.BytesToHash(hash), wei(amountWei))
		return l, err
	})
	if err == nil && len(leaves) == 0 {
		err = fault.New(fault.Conflict, "no leaf is waiting")
	}
	slices.SortFunc(leaves, func(a, b waitingLeaf) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	return leaves, err
}

// Move is a batch's transition from one of some states to another. What is not known stays nil.
type Move struct {
	BatchID uint64
	From    []event.BatchState // "" for none yet
	To      event.BatchState
	TxHash  *common.Hash
	Nonce   *uint64
	Block   *step.Block
}

// Record journals a move; one from another state than those named is a Conflict.
func (j *Journal) Record(ctx context.Context, s Scope, m Move) error {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	return j.inTx(ctx, "journal a batch as "+string(m.To), func(tx pgx.Tx) error {
		return guarded(ctx, tx, insertEventSQL, eventArgs(s, m))
	})
}

func eventArgs(s Scope, m Move) pgx.NamedArgs {
	from := make([]string, len(m.From))
	for i, state := range m.From {
		from[i] = string(state)
	}
	args := pgx.NamedArgs{
		"deployment": s.Deployment, "epoch": s.Epoch, "batch_id": m.BatchID, "state": string(m.To), "from_states": from,
		"tx_hash": nil, "nonce": nil, "block_number": nil, "block_hash": nil,
	}
	if m.TxHash != nil {
		args["tx_hash"] = m.TxHash.Bytes()
	}
	if m.Nonce != nil {
		args["nonce"] = strconv.FormatUint(*m.Nonce, 10)
	}
	if m.Block != nil {
		args["block_number"], args["block_hash"] = strconv.FormatUint(m.Block.Number, 10), m.Block.Hash.Bytes()
	}
	return args
}

// Signed is a signed transaction before it is journaled; BatchID 0 is the deploy transaction.
type Signed struct {
	BatchID uint64
	Sender  common.Address
	Hash    common.Hash
	Nonce   uint64
	Raw     []byte
	Fee     fee.Fee
}

// KeepAttempt journals signed bytes, which may be sent from then on.
func (j *Journal) KeepAttempt(ctx context.Context, s Scope, t Signed) (a step.Attempt, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.inTx(ctx, "journal a signed transaction", func(tx pgx.Tx) error {
		a, err = keepAttempt(ctx, tx, s, t)
		return err
	})
	return a, err
}

func keepAttempt(ctx context.Context, tx pgx.Tx, s Scope, t Signed) (step.Attempt, error) {
	a := step.Attempt{Hash: t.Hash, Sender: t.Sender, Nonce: t.Nonce, Fee: t.Fee}
	err := tx.QueryRow(ctx, insertAttemptSQL, pgx.NamedArgs{
		"hash": t.Hash.Bytes(), "deployment": s.Deployment, "batch_id": t.BatchID, "sender": t.Sender.Bytes(),
		"nonce": strconv.FormatUint(t.Nonce, 10), "raw": t.Raw, "fee_cap_wei": amount(t.Fee.CapWei), "tip_cap_wei": amount(t.Fee.TipWei),
		"epoch": s.Epoch,
	}).Scan(&a.SignedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fault.New(fault.Conflict, "the lease has changed hands")
	}
	return a, err
}

// Raw returns a journaled transaction's signed bytes; under several deployments the same hash has the same bytes.
func (j *Journal) Raw(ctx context.Context, hash common.Hash) (raw []byte, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, signedSQL, pgx.NamedArgs{"hash": hash.Bytes()}).Scan(&raw)
	return raw, postgres.Fault("read a signed transaction", err)
}
