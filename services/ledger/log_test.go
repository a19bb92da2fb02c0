package ledger_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

// mined makes the next batches of a deployment, of one sale each, and the ledger know that they are mined.
func (s *shop) mined(deployment int64, batches int) (all []*batch) {
	s.t.Helper()
	for range batches {
		n := s.count(`SELECT count(*) FROM sales.sale`) + 1
		b := s.seal(deployment, s.logs[deployment].Size()+1, s.sell(n, noon.Add(time.Duration(n)*time.Second)))
		s.publish(b.moved(event.BatchMined, int64(n)))
		all = append(all, b)
	}
	s.drained(stream.Batches, stream.DurableLedgerBatches)
	return all
}

func (b *batch) entry() batchlog.Batch {
	return batchlog.Batch{ID: b.id, Root: b.tree.Root(), Size: uint32(b.tree.Size())}
}

// placed checks that a proof leads to a log of this size and root.
func (b *batch) placed(p event.Proof, size uint64, root common.Hash) {
	b.s.t.Helper()
	require.Equal(b.s.t, strconv.FormatUint(size, 10), p.Log.Size)
	require.Equal(b.s.t, root, p.Log.Root)
	require.True(b.s.t, batchlog.Verify(b.entry(), batchlog.Included{Size: size, Root: root, Path: p.Log.Path}))
}

func (s *shop) log(q event.LogQuery) (event.LogAnswer, error) {
	return stream.Ask[event.LogAnswer](s.t.Context(), s.bus, event.SubjectLogGet, q)
}

func TestAProofAgesOnlyInItsLog(t *testing.T) {
	s := setup(t)
	deployment := s.deploy()
	first := s.mined(deployment, 1)[0]
	young, err := s.proof(first.sales[0].SaleID)
	require.NoError(t, err)
	first.placed(young, 1, s.logs[deployment].Root())
	s.mined(deployment, 4)
	old, err := s.proof(first.sales[0].SaleID)
	require.NoError(t, err)
	first.placed(old, 5, s.logs[deployment].Root())

	again, err := s.log(event.LogQuery{BatchID: "1", Size: "5"})
	require.NoError(t, err)
	require.Equal(t, old.Log, event.ProofLog(again.Log), "the path for that size is there for the asking")
	old.Log = young.Log
	require.Equal(t, young, old)
}

func TestAProofIsOfItsSalesDeployment(t *testing.T) {
	s := setup(t)
	earlier, later := s.deploy(), s.deploy()
	b := s.mined(earlier, 2)[0]
	s.mined(later, 3)
	p, err := s.proof(b.sales[0].SaleID)
	require.NoError(t, err)
	b.placed(p, 2, s.logs[earlier].Root())
}

// The ledger has heard that a batch is mined; that its block is gone is in the journal already, or seen on the chain.
func TestABatchThatTheLogDoesNotHaveIsNotProved(t *testing.T) {
	for what, gone := range map[string]string{
		"a reorg":              `INSERT INTO anchor.batch_event (id, deployment, batch_id, state) OVERRIDING SYSTEM VALUE VALUES (99, 1, 2, 'reorged')`,
		"a shorter log":        `INSERT INTO anchor.sighting (deployment, ours, size) VALUES (1, 1, 1)`,
		"another's batch":      `INSERT INTO anchor.sighting (deployment, ours, size) VALUES (1, 1, 3)`,
		"a retired contract":   `UPDATE anchor.deployment SET retired = true`,
		"nothing on the chain": `INSERT INTO anchor.sighting (deployment, ours, size) VALUES (1, 0, 0)`,
	} {
		t.Run(what, func(t *testing.T) {
			s := setup(t)
			b := s.mined(s.deploy(), 2)[1]
			_, err := s.proof(b.sales[0].SaleID)
			require.NoError(t, err)
			s.exec(s.admin, gone)
			_, err = s.proof(b.sales[0].SaleID)
			require.True(t, fault.Is(err, fault.Conflict), "%v", err)
		})
	}
}

// stranger journals that a contract has n batches of another's making behind its first batches.
func (s *shop) stranger(deployment int64, ours []*batch, n int) *batchlog.Log {
	s.t.Helper()
	log := batchlog.New()
	for _, b := range ours {
		_, err := log.Append(b.entry())
		require.NoError(s.t, err)
	}
	for range n {
		foreign := batchlog.Batch{ID: log.Size() + 1, Root: common.Hash{0xf0}, Size: 1<<32 - 1}
		row, err := log.Append(foreign)
		require.NoError(s.t, err)
		s.exec(s.anchor, `INSERT INTO anchor.foreign_batch (deployment, batch_id, root, size, log_root, nodes, tx_hash, block_number, block_hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 9, $8)`,
			deployment, foreign.ID, foreign.Root.Bytes(), int64(foreign.Size), log.Root().Bytes(), row.Bytes(), txHash.Bytes(), blockHash.Bytes())
	}
	s.exec(s.anchor, `INSERT INTO anchor.sighting (deployment, ours, size) VALUES ($1, $2, $3)`, deployment, len(ours), log.Size())
	return log
}

func TestProofsStandInALogThatAStrangerWentOnWith(t *testing.T) {
	s := setup(t)
	deployment := s.deploy()
	ours := s.mined(deployment, 3)
	held := s.stranger(deployment, ours, 2)
	for _, b := range ours {
		p, err := s.proof(b.sales[0].SaleID)
		require.NoError(t, err)
		b.placed(p, 5, held.Root())
	}
	got, err := s.log(event.LogQuery{BatchID: "5"})
	require.NoError(t, err)
	require.True(t, got.Batch.Foreign)
	require.Equal(t, held.Root(), got.Log.Root)
}

func TestTheLogIsAnsweredOverNATS(t *testing.T) {
	s := setup(t)
	deployment := s.deploy()
	s.mined(deployment, 2)
	s.seal(deployment, 3, s.sell(3, noon.Add(time.Hour)))
	got, err := s.log(event.LogQuery{})
	require.NoError(t, err)
	require.Equal(t, event.LogAnswer{
		Log:   event.LogHead{Size: "2", Root: must(batchlog.After(2, s.row(deployment, 2))).Root()},
		Chain: event.LogChain{ChainID: "1337", Contract: contract.Hex(), DeployedBlock: "5"},
	}, got)
	for _, c := range []struct {
		q    event.LogQuery
		kind fault.Kind
	}{
		{event.LogQuery{Size: "3"}, fault.Invalid},
		{event.LogQuery{Size: "-1"}, fault.Invalid},
		{event.LogQuery{BatchID: "3"}, fault.Conflict},
		{event.LogQuery{BatchID: "4"}, fault.Invalid},
		{event.LogQuery{Contract: common.Address{9}.Hex()}, fault.Invalid},
	} {
		_, err := s.log(c.q)
		require.True(t, fault.Is(err, c.kind), "%+v: %v", c.q, err)
	}
	s.exec(s.admin, `UPDATE anchor.log SET root = sha256('tea')`)
	_, err = s.log(event.LogQuery{})
	require.ErrorContains(t, err, "500")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// row reads a row of the journal's log.
func (s *shop) row(deployment int64, id uint64) batchlog.Row {
	var raw []byte
	require.NoError(s.t, s.ledger.QueryRow(s.t.Context(), `SELECT nodes FROM anchor.log WHERE deployment = $1 AND batch_id = $2`, deployment, id).Scan(&raw))
	return must(batchlog.ParseRow(id, raw))
}
