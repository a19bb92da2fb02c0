package journal

import (
	"context"
	"errors"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

// appendToLog keeps what the log gains with a batch.
func appendToLog(ctx context.Context, tx pgx.Tx, deployment int64, b batchlog.Batch) error {
	log := batchlog.New()
	if b.ID > 1 {
		before, err := logAfter(ctx, tx, deployment, b.ID-1)
		if err != nil {
			return err
		}
		if before == nil {
			return fault.New(fault.Fatal, "the journal has no log of the batches before %d of deployment %d: it was changed", b.ID, deployment)
		}
		log = before
	}
	row, err := log.Append(b)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, insertLogSQL, pgx.NamedArgs{
		"deployment": deployment, "batch_id": b.ID, "log_root": log.Root().Bytes(), "nodes": row.Bytes(),
	})
	return err
}

// logAfter is the log of the journal's batches up to one; nil if the journal has no such batch. One that does not have the root that is
// kept with it is Fatal.
func logAfter(ctx context.Context, tx pgx.Tx, deployment int64, batchID uint64) (*batchlog.Log, error) {
	if batchID == 0 {
		return batchlog.New(), nil
	}
	var root, nodes []byte
	err := tx.QueryRow(ctx, logRowSQL, pgx.NamedArgs{"deployment": deployment, "batch_id": batchID}).Scan(&root, &nodes)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, err
	}
	return restored(deployment, batchID, root, nodes)
}

// restored makes the log up to a batch from what was kept with it.
func restored(deployment int64, batchID uint64, root, nodes []byte) (*batchlog.Log, error) {
	row, err := batchlog.ParseRow(batchID, nodes)
	if err != nil {
		return nil, fault.WithKind(fault.Fatal, err)
	}
	log, err := batchlog.After(batchID, row)
	if err != nil {
		return nil, fault.WithKind(fault.Fatal, err)
	}
	if log.Root() != common.BytesToHash(root) {
		return nil, fault.New(fault.Fatal, "the log's row of batch %d of deployment %d does not make its root: the journal was changed", batchID, deployment)
	}
	return log, nil
}

// LogAfter is the log of the deployment's first batches as the journal has them; nil when it has fewer.
func (j *Journal) LogAfter(ctx context.Context, deployment int64, batchID uint64) (log *batchlog.Log, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.inTx(ctx, "read the log of batches", func(tx pgx.Tx) error {
		log, err = logAfter(ctx, tx, deployment, batchID)
		return err
	})
	return log, err
}

// ForeignLogAfter is the log up to a foreign batch as it was journaled last; nil when none with this id was.
func (j *Journal) ForeignLogAfter(ctx context.Context, deployment int64, batchID uint64) (log *batchlog.Log, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	var root, nodes []byte
	err = j.pool.QueryRow(ctx, foreignRowSQL, pgx.NamedArgs{"deployment": deployment, "batch_id": batchID}).Scan(&root, &nodes)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, postgres.Fault("read a foreign batch", err)
	}
	return restored(deployment, batchID, root, nodes)
}

// Batch reads what the log has of one of the journal's batches; false when it has no such batch.
func (j *Journal) Batch(ctx context.Context, deployment int64, batchID uint64) (b batchlog.Batch, there bool, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	var root []byte
	b.ID = batchID
	err = j.pool.QueryRow(ctx, logEntrySQL, pgx.NamedArgs{"deployment": deployment, "batch_id": batchID}).Scan(&root, &b.Size)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, false, nil
	}
	b.Root = common.BytesToHash(root)
	return b, err == nil, postgres.Fault("read a batch", err)
}

// Extent is how far a contract's log goes, as it was last seen, and how many of its first batches are the journal's.
type Extent struct {
	Ours, Size uint64
	Final      uint64      // the last of the journal's batches that is final there; no true node shows fewer
	Root       common.Hash // of the log of Size batches; zero when there is none
	Sighted    bool        // it is as it was seen at the contract; otherwise as the states of the journal's batches tell
}

// Extent reads a deployment's.
func (j *Journal) Extent(ctx context.Context, deployment int64) (e Extent, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	var root []byte
	err = j.pool.QueryRow(ctx, extentSQL, pgx.NamedArgs{"deployment": deployment}).Scan(&e.Ours, &e.Size, &e.Final, &root, &e.Sighted)
	e.Root = common.BytesToHash(root)
	return e, postgres.Fault("read how far a contract's log goes", err)
}

// Foreign is a batch of another's making, from its event, with what the log gains with it.
type Foreign struct {
	batchlog.Batch
	LogRoot common.Hash
	Row     batchlog.Row
	TxHash  common.Hash
	Block   step.Block
}

// Sight journals that a deployment's contract has a log of `ours` batches of the journal and then foreign ones, which are given, ascending,
// as far as they are not journaled yet. A lease that has changed hands is a Conflict.
func (j *Journal) Sight(ctx context.Context, epoch, deployment int64, ours, size uint64, foreign []Foreign) error {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	return j.inTx(ctx, "journal what a contract's log has", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, insertForeignSQL, pgx.NamedArgs{
			"deployment":   deployment,
			"batch_id":     postgres.Column(foreign, func(f *Foreign) int64 { return int64(f.ID) }),
			"root":         postgres.Column(foreign, func(f *Foreign) []byte { return f.Root.Bytes() }),
			"size":         postgres.Column(foreign, func(f *Foreign) int64 { return int64(f.Size) }),
			"log_root":     postgres.Column(foreign, func(f *Foreign) []byte { return f.LogRoot.Bytes() }),
			"nodes":        postgres.Column(foreign, func(f *Foreign) []byte { return f.Row.Bytes() }),
			"tx_hash":      postgres.Column(foreign, func(f *Foreign) []byte { return f.TxHash.Bytes() }),
			"block_number": postgres.Column(foreign, func(f *Foreign) string { return strconv.FormatUint(f.Block.Number, 10) }),
			"block_hash":   postgres.Column(foreign, func(f *Foreign) []byte { return f.Block.Hash.Bytes() }),
		})
		if err != nil {
			return err
		}
		return guarded(ctx, tx, insertSightingSQL, pgx.NamedArgs{"deployment": deployment, "ours": ours, "size": size, "epoch": epoch})
	})
}

// Unsight journals that a deployment's contract has the log again that the states of the journal's batches tell.
func (j *Journal) Unsight(ctx context.Context, epoch, deployment int64) error {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	return j.inTx(ctx, "journal that a contract's log is the journal's again", func(tx pgx.Tx) error {
		return guarded(ctx, tx, insertSightingSQL, pgx.NamedArgs{"deployment": deployment, "ours": nil, "size": nil, "epoch": epoch})
	})
}

// DeployedBlock is from which block on a deployment's contract can have events; false when that was not journaled yet.
func (j *Journal) DeployedBlock(ctx context.Context, deployment int64) (block uint64, known bool, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, deployedSQL, pgx.NamedArgs{"deployment": deployment}).Scan(&block)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	return block, err == nil, postgres.Fault("read where a contract was deployed", err)
}

// SetDeployedBlock journals from which block on a deployment's contract can have events. A lease that has changed hands is a Conflict.
func (j *Journal) SetDeployedBlock(ctx context.Context, epoch, deployment int64, block uint64) error {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	return j.inTx(ctx, "journal where a contract was deployed", func(tx pgx.Tx) error {
		return setDeployedBlock(ctx, tx, epoch, deployment, block)
	})
}

func setDeployedBlock(ctx context.Context, tx pgx.Tx, epoch, deployment int64, block uint64) error {
	return guarded(ctx, tx, insertDeployedSQL, pgx.NamedArgs{"deployment": deployment, "block_number": strconv.FormatUint(block, 10), "epoch": epoch})
}
