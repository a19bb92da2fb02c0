package read

import (
	"bytes"
	"context"
	_ "embed" // the statements
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

//go:embed sql/log.sql
var logSQL string

//go:embed sql/log_rows.sql
var logRowsSQL string

// contractLog is a contract's log as the journal has it at one moment.
type contractLog struct {
	Deployment    int64
	ChainID       string
	Contract      []byte
	DeployedBlock string
	Ours, Size    int64  // batches: the first Ours are the journal's, those above are of another's making
	ForeignRow    int64  // the last row about a batch of another's making; later ones may tell of another log
	BatchRoot     []byte // of the journal's batch that is asked for; null when the journal has none with this id, here and below
	BatchSize     *int64
	Final         bool // the last batch of the size asked for, which need not be the log's; false when none is asked for
}

// logRow is the row of a log's batch, null where there is none; BatchRoot and BatchSize are those of a foreign batch.
type logRow struct {
	BatchID   int64
	LogRoot   []byte
	Nodes     []byte
	BatchRoot []byte
	BatchSize *int64
}

// placed is a batch in the log of some size, both checked.
type placed struct {
	batch   batchlog.Batch
	in      batchlog.Included
	foreign bool
}

// inLog is the place of one of the journal's batches in the log as it is now. A batch that the log does not have, or not any more, is a
// Conflict.
func (r *Reader) inLog(ctx context.Context, of batchKey) (log contractLog, at placed, err error) {
	log, err = r.log(ctx, pgx.NamedArgs{"deployment": of.deployment, "contract": nil, "batch_id": of.batch, "size": nil})
	if err != nil {
		return log, placed{}, err
	}
	if of.batch > log.Ours {
		return log, placed{}, fault.New(fault.Conflict, "the batch is not mined any more")
	}
	at, err = r.place(ctx, log, uint64(of.batch), uint64(log.Size))
	return log, at, err
}

// Log returns a contract's log of some size, or a batch's place in it. What the log has not is Invalid, and a batch that the journal has but
// that is not mined, or not any more, is a Conflict. Every hash is computed anew: if one is not as the journal has it, the error is Fatal.
func (r *Reader) Log(ctx context.Context, q event.LogQuery) (event.LogAnswer, error) {
	asked, err := q.Parse()
	if err != nil {
		return event.LogAnswer{}, err
	}
	args := pgx.NamedArgs{"deployment": nil, "contract": nil, "batch_id": key(asked.BatchID), "size": key(asked.Size)}
	if asked.Contract != nil {
		args["contract"] = asked.Contract.Bytes()
	}
	log, err := r.log(ctx, args)
	if err != nil {
		return event.LogAnswer{}, err
	}
	id, size, err := log.locate(asked)
	if err != nil {
		return event.LogAnswer{}, err
	}
	answer := event.LogAnswer{
		Log:   event.LogHead{Size: strconv.FormatUint(size, 10)},
		Chain: event.LogChain{ChainID: log.ChainID, Contract: common.BytesToAddress(log.Contract).Hex(), DeployedBlock: log.DeployedBlock},
		Fixed: log.Final && size <= uint64(log.Ours),
	}
	if size == 0 {
		return answer, nil
	}
	at, err := r.place(ctx, log, id, size)
	if err != nil {
		return event.LogAnswer{}, err
	}
	answer.Log.Root = at.in.Root
	if asked.BatchID != nil {
		answer.Log.Path = at.in.Path
		answer.Batch = &event.LogBatch{
			ID: strconv.FormatUint(id, 10), Root: at.batch.Root, Size: strconv.FormatUint(uint64(at.batch.Size), 10), Foreign: at.foreign,
		}
	}
	return answer, nil
}

// key is a number as a column of batch ids takes it. What is beyond it stays beyond all of them.
func key(n *uint64) *int64 {
	if n == nil {
		return nil
	}
	return new(int64(min(*n, math.MaxInt64)))
}

func (r *Reader) log(ctx context.Context, args pgx.NamedArgs) (log contractLog, err error) {
	rows, err := r.pool.Query(ctx, logSQL, args)
	if err == nil {
		log, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[contractLog])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return log, fault.New(fault.Invalid, "there is no such contract")
	}
	return log, postgres.Fault("read a contract's log", err)
}

// locate is the batch that is asked for, the last one when none is, and the size of the log that it is asked about. Pure.
func (l contractLog) locate(asked event.LogAsked) (id, size uint64, err error) {
	present := uint64(l.Size)
	size = present
	if asked.Size != nil {
		size = *asked.Size
	}
	id = size
	if asked.BatchID != nil {
		id = *asked.BatchID
	}
	switch {
	case asked.BatchID != nil && (id == 0 || asked.Size != nil && id > size):
		return 0, 0, fault.New(fault.Invalid, "no log of this size has the batch")
	case asked.BatchID != nil && id > present && l.BatchRoot != nil:
		return 0, 0, fault.New(fault.Conflict, "the batch is not mined yet")
	case id > present || size > present:
		return 0, 0, fault.New(fault.Invalid, "the log has %d batches", present)
	}
	return id, size, nil
}

// place makes a batch's path in the log of a size and checks it as its recipient will. What does not fit together is Fatal.
func (r *Reader) place(ctx context.Context, log contractLog, id, size uint64) (placed, error) {
	needed := batchlog.RowsOf(id, size)
	wanted := needed
	if foreign := id > uint64(log.Ours); foreign && !slices.Contains(needed, id) {
		wanted = append(slices.Clone(needed), id)
	}
	rows, err := r.pool.Query(ctx, logRowsSQL, pgx.NamedArgs{
		"deployment": log.Deployment, "ours": log.Ours, "foreign_row": log.ForeignRow, "batch_ids": wanted,
	})
	if err != nil {
		return placed{}, postgres.Fault("read rows of a contract's log", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[logRow])
	if err != nil {
		return placed{}, postgres.Fault("read rows of a contract's log", err)
	}
	return log.assemble(id, size, needed, found)
}

// assemble is place without its reads. Pure.
func (l contractLog) assemble(id, size uint64, needed []uint64, found []logRow) (placed, error) {
	at := placed{foreign: id > uint64(l.Ours)}
	wrong := func(what string) (placed, error) {
		return placed{}, fault.New(fault.Fatal, "batch %d in the log of %d batches of deployment %d: %s", id, size, l.Deployment, what)
	}
	batchRoot, batchSize := l.BatchRoot, l.BatchSize
	rows := make(map[uint64]batchlog.Row, len(found))
	var logRoot []byte
	for _, row := range found {
		of := uint64(row.BatchID)
		if of == id && at.foreign {
			batchRoot, batchSize = row.BatchRoot, row.BatchSize
		}
		if of == size {
			logRoot = row.LogRoot
		}
		if !slices.Contains(needed, of) {
			continue
		}
		parsed, err := batchlog.ParseRow(of, row.Nodes)
		if err != nil {
			return wrong("the journal's row of batch " + strconv.FormatUint(of, 10) + " is missing or malformed")
		}
		rows[of] = parsed
	}
	if batchRoot == nil || *batchSize < 1 || *batchSize > math.MaxUint32 {
		return wrong("the journal does not have the batch")
	}
	at.batch = batchlog.Batch{ID: id, Root: common.BytesToHash(batchRoot), Size: uint32(*batchSize)}
	var err error
	if at.in, err = batchlog.Include(id, size, rows); err != nil {
		return wrong("its path cannot be made")
	}
	if !bytes.Equal(at.in.Root[:], logRoot) {
		return wrong("the journal's root of the log is no longer that of its nodes")
	}
	if !batchlog.Verify(at.batch, at.in) {
		return wrong("its path does not lead to the log's root")
	}
	return at, nil
}
