package read

import (
	"context"
	"encoding/binary"
	"log/slog"
	"strconv"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger/internal/keys"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// journal is a database with what an anchor keeps of its contracts' logs, and a reader over it.
type journal struct {
	t             testing.TB
	admin, anchor *pgx.Conn
	reader        *Reader
}

func newJournal(t testing.TB) *journal {
	db := testkit.Database(t)
	login := func(url string) *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
		return conn
	}
	pool, err := pgxpool.New(t.Context(), db.Ledger)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	alarm := intact.NewAlarm(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), intact.Sale, intact.Journal)
	return &journal{t: t, admin: login(db.Admin), anchor: login(db.Anchor), reader: New(pool, keys.Ring(pool), alarm)}
}

// write is what the anchor may do.
func (j *journal) write(statement string, args ...any) {
	j.t.Helper()
	_, err := j.anchor.Exec(j.t.Context(), statement, args...)
	require.NoError(j.t, err)
}

// alter is what only somebody behind the services' backs can do.
func (j *journal) alter(statement string, args ...any) {
	j.t.Helper()
	changed, err := j.admin.Exec(j.t.Context(), statement, args...)
	require.NoError(j.t, err)
	require.NotZero(j.t, changed.RowsAffected())
}

// deployment is one of the journal's, with the batches that it has sealed.
type deployment struct {
	*journal
	id       int64
	contract common.Address
	batches  []batchlog.Batch
	log      *batchlog.Log
	rows     map[uint64]batchlog.Row
	foreign  int // made so far, so that no two are the same
}

const deployedBlock = 5

func (j *journal) deploy(contract common.Address) *deployment {
	j.t.Helper()
	d := &deployment{journal: j, contract: contract, log: batchlog.New(), rows: map[uint64]batchlog.Row{}}
	require.NoError(j.t, j.anchor.QueryRow(j.t.Context(),
		`INSERT INTO anchor.deployment (chain_id, genesis_hash, contract, replay) VALUES (1337, $1, $2, false) RETURNING id`,
		common.Hash{1}.Bytes(), contract.Bytes()).Scan(&d.id))
	j.write(`INSERT INTO anchor.deployed (deployment, block_number) VALUES ($1, $2)`, d.id, deployedBlock)
	return d
}

// sealed journals the deployment's next batches, each as far as it has come.
func (d *deployment) sealed(states ...event.BatchState) *deployment {
	d.t.Helper()
	for _, state := range states {
		id := uint64(len(d.batches) + 1)
		var root common.Hash
		binary.BigEndian.PutUint64(root[:], uint64(d.id))
		binary.BigEndian.PutUint64(root[24:], id)
		d.seal(batchlog.Batch{ID: id, Root: root, Size: uint32(100 + id)}, event.BatchSealed, event.BatchBroadcast, state)
	}
	return d
}

func (d *deployment) seal(b batchlog.Batch, states ...event.BatchState) {
	d.t.Helper()
	row, err := d.log.Append(b)
	require.NoError(d.t, err)
	d.batches, d.rows[b.ID] = append(d.batches, b), row
	d.write(`INSERT INTO anchor.batch (deployment, batch_id, root, size) VALUES ($1, $2, $3, $4)`, d.id, b.ID, b.Root.Bytes(), b.Size)
	d.write(`INSERT INTO anchor.log (deployment, batch_id, root, nodes) VALUES ($1, $2, $3, $4)`, d.id, b.ID, d.log.Root().Bytes(), row.Bytes())
	d.moved(b.ID, states...)
}

func (d *deployment) moved(id uint64, states ...event.BatchState) {
	d.t.Helper()
	for _, state := range states {
		d.write(`INSERT INTO anchor.batch_event (deployment, batch_id, state) VALUES ($1, $2, $3)`, d.id, id, string(state))
	}
}

// contains is what somebody's contract would hold: the first `ours` of the journal's batches, and then n of another's making.
func (d *deployment) contains(ours, n int) *deployment {
	held := &deployment{journal: d.journal, id: d.id, contract: d.contract, log: batchlog.New(), rows: map[uint64]batchlog.Row{}}
	for _, b := range d.batches[:ours] {
		held.append(b)
	}
	for range n {
		d.foreign++
		held.append(batchlog.Batch{ID: held.log.Size() + 1, Root: common.Hash{0xf0, byte(d.foreign)}, Size: uint32(1<<32 - d.foreign)})
	}
	return held
}

func (d *deployment) append(b batchlog.Batch) batchlog.Row {
	row, err := d.log.Append(b)
	require.NoError(d.t, err)
	d.batches, d.rows[b.ID] = append(d.batches, b), row
	return row
}

// seen journals that the contract holds this, from batch `ours`+1 on of another's making.
func (d *deployment) seen(ours int) *deployment {
	d.t.Helper()
	log := batchlog.New()
	for i, b := range d.batches {
		_, err := log.Append(b)
		require.NoError(d.t, err)
		if i >= ours {
			d.write(`INSERT INTO anchor.foreign_batch (deployment, batch_id, root, size, log_root, nodes, tx_hash, block_number, block_hash)
				VALUES ($1, $2, $3, $4, $5, $6, $7, 9, $7)`,
				d.id, b.ID, b.Root.Bytes(), int64(b.Size), log.Root().Bytes(), d.rows[b.ID].Bytes(), common.Hash{7}.Bytes())
		}
	}
	d.write(`INSERT INTO anchor.sighting (deployment, ours, size) VALUES ($1, $2, $3)`, d.id, ours, len(d.batches))
	return d
}

func (d *deployment) chain() event.LogChain {
	return event.LogChain{ChainID: "1337", Contract: d.contract.Hex(), DeployedBlock: strconv.Itoa(deployedBlock)}
}

// head is the answer about the whole log of a size, made of what the deployment holds and not of the database.
func (d *deployment) head(size int, fixed bool) event.LogAnswer {
	answer := event.LogAnswer{Log: event.LogHead{Size: strconv.Itoa(size)}, Chain: d.chain(), Fixed: fixed}
	if size > 0 {
		log, err := batchlog.After(uint64(size), d.rows[uint64(size)])
		require.NoError(d.t, err)
		answer.Log.Root = log.Root()
	}
	return answer
}

// entry is the answer about a batch in it, likewise.
func (d *deployment) entry(id, size int, foreign, fixed bool) event.LogAnswer {
	answer, b := d.head(size, fixed), d.batches[id-1]
	in, err := batchlog.Include(b.ID, uint64(size), d.rows)
	require.NoError(d.t, err)
	require.True(d.t, batchlog.Verify(b, in))
	require.Equal(d.t, answer.Log.Root, in.Root)
	answer.Log.Path = in.Path
	answer.Batch = &event.LogBatch{ID: strconv.Itoa(id), Root: b.Root, Size: strconv.FormatUint(uint64(b.Size), 10), Foreign: foreign}
	return answer
}
