package journal

import (
	"context"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/postgres"
)

// scanEvent reads a batch_event with its batch, in the order that all queries of this package list the columns.
func scanEvent(row pgx.CollectableRow, deployment int64, more ...any) (event.Batch, error) {
	e := event.Batch{Deployment: deployment}
	var root, txHash, blockHash []byte
	var nonce, number *string
	var at time.Time
	err := row.Scan(append([]any{&e.BatchID, &root, &e.Size, &e.State, &txHash, &nonce, &number, &blockHash, &at, &e.Sequence}, more...)...)
	if err != nil {
		return e, err
	}
	e.Root, e.TxHash, e.BlockHash = common.BytesToHash(root), optionalHash(txHash), optionalHash(blockHash)
	e.At = at.UTC().Format("2006-01-02T15:04:05.000000Z")
	if e.Nonce, err = optionalUint(nonce); err == nil {
		e.BlockNumber, err = optionalUint(number)
	}
	return e, err
}

// Page lists batches of a deployment with an id below before, newest first, each as of its last event.
func (j *Journal) Page(ctx context.Context, deployment int64, before uint64, most int) ([]event.Batch, error) {
	return j.events(ctx, batchPageSQL, deployment, pgx.NamedArgs{"deployment": deployment, "before": before, "most": most})
}

// History lists what happened to a batch, oldest first; nothing for one that does not exist.
func (j *Journal) History(ctx context.Context, deployment int64, batchID uint64) ([]event.Batch, error) {
	return j.events(ctx, batchHistorySQL, deployment, pgx.NamedArgs{"deployment": deployment, "batch_id": batchID})
}

func (j *Journal) events(ctx context.Context, sql string, deployment int64, args pgx.NamedArgs) ([]event.Batch, error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	rows, err := j.pool.Query(ctx, sql, args)
	if err != nil {
		return nil, postgres.Fault("read batches", err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (event.Batch, error) { return scanEvent(row, deployment) })
	return events, postgres.Fault("read batches", err)
}

// Attempts lists a batch's transactions, oldest first.
func (j *Journal) Attempts(ctx context.Context, deployment int64, batchID uint64) (all []step.Attempt, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.inTx(ctx, "read a batch's transactions", func(tx pgx.Tx) error {
		byBatch, err := readAttempts(ctx, tx, deployment, []int64{int64(batchID)})
		all = byBatch[batchID]
		return err
	})
	return all, err
}

// Newest is the id of the newest deployment; 0 for none.
func (j *Journal) Newest(ctx context.Context) (id int64, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, newestDeploymentSQL).Scan(&id)
	return id, postgres.Fault("read the newest deployment", err)
}

// At is where a deployment is: its chain's id and its contract.
func (j *Journal) At(ctx context.Context, deployment int64) (chainID uint64, contract common.Address, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	var address []byte
	err = j.pool.QueryRow(ctx, deploymentSQL, pgx.NamedArgs{"deployment": deployment}).Scan(&chainID, &address)
	return chainID, common.BytesToAddress(address), postgres.Fault("read a deployment", err)
}
