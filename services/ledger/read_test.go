package ledger_test

import (
	"context"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestASalesWayIsFollowed(t *testing.T) {
	s := setup(t)
	facts := s.sell(1, noon)
	id := facts.SaleID
	require.Equal(t, event.SaleStatus{SaleID: id, Status: "pending"}, s.status(id))
	b := s.seal(s.deploy(), 1, facts)
	require.Equal(t, event.SaleStatus{SaleID: id, Status: "batched", BatchID: "1"}, s.status(id), "the journal knows before the event reaches the ledger")
	broadcast := event.SaleStatus{SaleID: id, Status: "broadcast", BatchID: "1", TxHash: &txHash}
	mined := event.SaleStatus{SaleID: id, Status: "mined", BatchID: "1", TxHash: &txHash, BlockNumber: "99"}
	final := mined
	final.Status = "final"
	for i, step := range []struct {
		state event.BatchState
		shown event.SaleStatus
	}{
		{event.BatchSealed, event.SaleStatus{SaleID: id, Status: "batched", BatchID: "1"}},
		{event.BatchBroadcast, broadcast},
		{event.BatchMined, mined},
		{event.BatchReorged, broadcast},
		{event.BatchMined, mined},
		{event.BatchFinal, final},
	} {
		s.publish(b.moved(step.state, int64(i+1)))
		s.drained(stream.Batches, stream.DurableLedgerBatches)
		require.Equal(t, step.shown, s.status(id), step.state)
	}
	s.seal(s.deploy(), 1, facts)
	require.Equal(t, "batched", s.status(id).Status, "the newest deployment counts")
}

func TestASaleThatIsHeldBackSaysWhyUntilItGoesOn(t *testing.T) {
	s := setup(t)
	held, other, forged := s.sell(1, noon), s.sell(2, noon), s.sell(3, noon)
	id := held.SaleID
	s.park(7, held)
	parked := event.SaleStatus{SaleID: id, Status: "parked", Reason: "no tier has a rate for INR"}
	require.Equal(t, parked, s.status(id))
	require.Equal(t, event.SaleStatus{SaleID: other.SaleID, Status: "pending"}, s.status(other.SaleID))

	imitation := recorded(forged)
	imitation.Total = "1.00"
	body, err := json.Marshal(imitation)
	require.NoError(t, err)
	s.publish(event.ParkedBy(event.Parked{
		Service: "anchor", Reason: "forged: another total", Stream: stream.SalesPriced, Sequence: 1, SaleID: forged.SaleID, Data: body, Forged: true,
	}, time.Time{}))
	s.waitFor("the imitation is parked", func() bool { return s.count(`SELECT count(*) FROM ledger.parked`) == 2 })
	require.Equal(t, "pending", s.status(forged.SaleID).Status, "the true one goes on")

	_, err = s.discard(map[string]any{"sale_id": id, "operator": "asha", "reason": "a test till"})
	require.NoError(t, err)
	discarded := event.SaleStatus{SaleID: id, Status: "parked", Reason: "an operator gave it up: it is not anchored unless one releases it"}
	require.Equal(t, discarded, s.status(id), "and neither who did it nor why is a till's business")

	_, err = s.replay(map[string]string{"sale_id": id})
	require.NoError(t, err)
	require.Equal(t, event.SaleStatus{SaleID: id, Status: "pending"}, s.status(id))
	s.park(9, held)
	require.Equal(t, parked, s.status(id), "there is no rate still")

	s.leaf(held, "4913078726800501") // it came through after all
	require.Equal(t, "pending", s.status(id).Status)
	s.seal(s.deploy(), 1, held)
	require.Equal(t, event.SaleStatus{SaleID: id, Status: "batched", BatchID: "1"}, s.status(id))
}

func TestTheReasonOfAParkedSaleIsOneShortLine(t *testing.T) {
	s := setup(t)
	facts := s.sell(1, noon)
	body, err := json.Marshal(recorded(facts))
	require.NoError(t, err)
	s.publish(event.ParkedBy(event.Parked{
		Service: "pricing", Reason: "\x1b[2J a rate\n\u2028" + strings.Repeat("é", 300), Stream: stream.SalesRecorded, Sequence: 1, SaleID: facts.SaleID, Data: body,
	}, time.Time{}))
	s.waitFor("it is parked", func() bool { return s.status(facts.SaleID).Status == "parked" })
	require.Equal(t, "[2J a rate "+strings.Repeat("é", 188)+"…", s.status(facts.SaleID).Reason)
}

func TestAnIDThatNoSaleHasIsRefused(t *testing.T) {
	s := setup(t)
	for _, id := range []string{"01935f0e-8a7b-7c3d-9e4f-000000000001", "", "tea", "'; DROP TABLE sales.sale"} {
		_, err := stream.Ask[event.SaleStatus](t.Context(), s.bus, event.SubjectSalesGet, event.SaleQuery{SaleID: id})
		require.True(t, fault.Is(err, fault.Invalid))
		require.EqualError(t, err, "there is no sale with this id")
		_, err = s.proof(id)
		require.True(t, fault.Is(err, fault.Invalid))
	}
}

func TestEveryProofOfABatchLeadsToItsRoot(t *testing.T) {
	s := setup(t)
	b := s.sold(11)
	for i, facts := range b.sales {
		p, err := s.proof(facts.SaleID)
		require.NoError(t, err)
		require.Equal(t, facts, p.Sale)
		require.Equal(t, request, string(p.Request))
		require.Equal(t, sale.Keccak(p.Request), p.Sale.RequestHash)
		require.Equal(t, p.Sale.Hash(), p.SaleHash)
		wei, _ := new(big.Int).SetString(p.AmountWei, 10)
		require.Equal(t, b.wei[i], wei)
		leaf, err := merkle.Leaf(p.SaleHash, wei)
		require.NoError(t, err)
		require.Equal(t, leaf, p.Leaf)
		require.True(t, merkle.Verify(p.Batch.Root, p.Leaf, p.Proof))
		require.Equal(t, b.tree.Root(), p.Batch.Root)
		require.Equal(t, "11", p.Batch.Size)
		require.Equal(t, &event.ProofRate{
			Value: "254321.17", Currency: "INR", Tier: "static", Sources: []string{"static"},
			ObservedAt: "2026-11-22T04:45:31Z",
		}, p.Rate)
		require.Equal(t, event.ProofChain{
			ChainID: "1337", Contract: contract.Hex(), TxHash: txHash, BlockNumber: "99", BlockHash: blockHash, DeployedBlock: "5", Finality: "mined",
		}, p.Chain)
		require.Equal(t, event.ProofLog{Size: "1", Root: batchlog.Batch{ID: 1, Root: b.tree.Root(), Size: 11}.Entry(), Path: []common.Hash{}}, p.Log)
	}
	s.publish(b.moved(event.BatchFinal, 4))
	s.waitFor("the proof is final", func() bool {
		p, err := s.proof(b.sales[0].SaleID)
		return err == nil && p.Chain.Finality == "final"
	})
}

func TestARecordWithATotalOfZeroIsWrittenDownAndProvedWithoutARate(t *testing.T) {
	s := setup(t)
	key := s.record(2, noon)
	b := s.seal(s.deploy(), 1, s.sell(1, noon), key)
	s.publish(b.moved(event.BatchMined, 3))
	s.waitFor("the batch is mined", func() bool { return s.status(key.SaleID).Status == "mined" })
	s.publish(event.Anchored(b.anchored(1, 99), noon, 0))
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	require.Equal(t, 1, s.count(`SELECT count(*) FROM ledger.anchored WHERE sale_id = $1 AND amount_wei = 0`, key.SaleID))
	require.Equal(t, 99, s.block(key.SaleID))

	p, err := s.proof(key.SaleID)
	require.NoError(t, err)
	require.Equal(t, key, p.Sale)
	require.Nil(t, p.Rate)
	require.Equal(t, "0", p.AmountWei)
	require.True(t, merkle.Verify(b.tree.Root(), p.Leaf, p.Proof))
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	require.Contains(t, string(raw), `"amount_wei":"0","rate":null,`)
}

func TestBeforeItIsMinedThereIsNoProof(t *testing.T) {
	s := setup(t)
	facts := s.sell(1, noon)
	refused := func() {
		t.Helper()
		_, err := s.proof(facts.SaleID)
		require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	}
	refused()
	b := s.seal(s.deploy(), 1, facts)
	for i, state := range []event.BatchState{event.BatchSealed, event.BatchBroadcast, event.BatchReorged} {
		refused()
		s.publish(b.moved(state, int64(i+1)))
		s.drained(stream.Batches, stream.DurableLedgerBatches)
	}
	refused()
}

// Whoever can write to the tables behind the services' backs gets no proof for it.
func TestAProofOfChangedFactsIsRefused(t *testing.T) {
	for what, change := range map[string]string{
		"a total":         `UPDATE sales.sale SET total = '1.00' WHERE purchase_number = 1`,
		"a balance":       `UPDATE sales.sale SET points_balance = 9999 WHERE purchase_number = 1`,
		"a request":       `UPDATE sales.sale SET request = '{}' WHERE purchase_number = 1`,
		"a leaf's amount": `UPDATE anchor.leaf SET amount_wei = 1 WHERE sale_id = (SELECT sale_id FROM sales.sale WHERE purchase_number = 1)`,
		"another leaf":    `UPDATE anchor.leaf SET amount_wei = 1 WHERE sale_id = (SELECT sale_id FROM sales.sale WHERE purchase_number = 2)`,
		"a root":          `UPDATE anchor.batch SET root = sha256('tea')`,
		"a leaf's index":  `UPDATE anchor.batch_leaf SET leaf_index = leaf_index + 100`,
		"the log's root":  `UPDATE anchor.log SET root = sha256('tea')`,
		"the log's nodes": `UPDATE anchor.log SET nodes = sha256('tea')`,
		"the log's row":   `DELETE FROM anchor.log`,
		"a batch's size":  `UPDATE anchor.batch SET size = 4`,
		"a leaf removed":  `DELETE FROM anchor.batch_leaf WHERE sale_id = (SELECT sale_id FROM sales.sale WHERE purchase_number = 2)`,
	} {
		t.Run(what, func(t *testing.T) {
			s := setup(t)
			b := s.sold(3)
			s.exec(s.admin, change)
			_, err := s.proof(b.sales[0].SaleID)
			require.Equal(t, event.CodeAltered, stream.CodeOf(err), "%v", err)
		})
	}
}

func TestAChangedFactIsSeenThoughTheTreeIsKeptInMind(t *testing.T) {
	s := setup(t)
	b := s.sold(3)
	_, err := s.proof(b.sales[1].SaleID)
	require.NoError(t, err)
	s.exec(s.admin, `UPDATE anchor.leaf SET amount_wei = amount_wei + 1`)
	_, err = s.proof(b.sales[0].SaleID)
	require.Equal(t, event.CodeAltered, stream.CodeOf(err), "%v", err)
}

// Nor does the ledger say of such a sale that it is on its way, or final.
func TestAStatusOfChangedFactsIsAltered(t *testing.T) {
	addr, adjust := measured(t)
	var log testkit.Log
	s := setup(t, adjust, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = &log })
	b := s.sold(3)
	id := b.sales[0].SaleID
	require.Equal(t, "mined", s.status(id).Status)
	for what, change := range map[string][2]string{
		"a total": {`UPDATE sales.sale SET total = '1.00' WHERE sale_id = $1`, `UPDATE sales.sale SET total = '1249.50' WHERE sale_id = $1`},
		"its points": {
			`UPDATE sales.sale SET points_earned = points_earned + 1, points_redeemed = points_redeemed + 1 WHERE sale_id = $1`,
			`UPDATE sales.sale SET points_earned = points_earned - 1, points_redeemed = points_redeemed - 1 WHERE sale_id = $1`,
		},
		"its leaf's hash": {
			`UPDATE anchor.leaf SET sale_hash = sha256('x') WHERE sale_id = $1`,
			`UPDATE anchor.leaf l SET sale_hash = s.sale_hash FROM sales.sale s WHERE s.sale_id = l.sale_id AND l.sale_id = $1`,
		},
		"its hash": {
			`UPDATE sales.sale SET sale_hash = sha256('x') WHERE sale_id = $1`,
			`UPDATE sales.sale s SET sale_hash = l.sale_hash FROM anchor.leaf l WHERE s.sale_id = l.sale_id AND l.sale_id = $1`,
		},
	} {
		s.exec(s.admin, change[0], id)
		got := s.status(id)
		require.Equal(t, "altered", got.Status, what)
		require.NotEmpty(t, got.Reason, what)
		require.Empty(t, got.BatchID, what)
		s.exec(s.admin, change[1], id)
		require.Equal(t, "mined", s.status(id).Status, what)
	}
	s.exec(s.admin, `UPDATE sales.sale SET answer = 'no JSON' WHERE sale_id = $1`, id)
	require.Equal(t, "altered", s.status(id).Status, "its promise is gone")
	require.Equal(t, "mined", s.status(b.sales[1].SaleID).Status, "another one's is not")
	metrics := scrape(t, addr)
	require.NotEqual(t, "0", metrics[`tillseal_altered_total{what="sale"}`])
	require.NotEqual(t, "0", metrics[`tillseal_altered_total{what="journal"}`])
	require.NotContains(t, log.String(), "C-1001")
}

func TestAParkedSaleHasNoProofUntilAnOperatorActs(t *testing.T) {
	s := setup(t)
	s.park(7, facts(1, noon))
	s.sell(1, noon)
	_, err := s.proof(facts(1, noon).SaleID)
	require.Equal(t, event.CodeParked, stream.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "the sale is parked until an operator acts")
}

func TestPostgresAwayIsWaitedForAndSaid(t *testing.T) {
	postgres := testkit.OwnPostgres(t)
	db := testkit.Migrated(t, postgres)
	s := &shop{t: t, db: db, nats: testkit.NATS(t)}
	require.NoError(t, postgres.Kill())
	ready, done := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cfg := s.config()
	cfg.Ready = func() { close(ready) }
	go func() { done <- ledger.Run(ctx, cfg) }()
	defer func() {
		cancel()
		endsWell(t, <-done)
	}()
	bus, err := stream.Connect("test", cfg.Stream, testLog(t))
	require.NoError(t, err)
	defer bus.Close()
	testkit.Eventually(t, soon, "a request is answered as Transient", func() error {
		_, err := stream.Ask[event.SaleStatus](t.Context(), bus, event.SubjectSalesGet, event.SaleQuery{SaleID: "01935f0e-8a7b-7c3d-9e4f-000000000001"})
		require.True(t, fault.Is(err, fault.Transient), "%v", err)
		if !strings.Contains(err.Error(), "503") {
			return err // nobody answers yet
		}
		return nil
	})
	select {
	case <-ready:
		require.FailNow(t, "ready without Postgres")
	default:
	}
	require.NoError(t, postgres.Restart(t.Context()))
	select {
	case <-ready:
	case <-time.After(soon):
		require.FailNow(t, "not ready though Postgres is back")
	}
}

func TestReadsAreAnsweredBeforeThereIsAJetStream(t *testing.T) {
	s := &shop{t: t, db: testkit.Database(t)}
	facts := s.sell(1, noon)
	cfg, err := config.Load[ledger.Config]([]string{"NATS_URL=" + testkit.PlainNATS(t), "DB_URL=" + s.db.Ledger})
	require.NoError(t, err)
	cfg.Telemetry.LogOutput = t.Output()
	ready, done := make(chan struct{}), make(chan error, 1)
	cfg.Ready = func() { close(ready) }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- ledger.Run(ctx, cfg) }()
	defer func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled, "the streams were still waited for")
	}()
	<-ready
	bus, err := stream.Connect("test", cfg.Stream, testLog(t))
	require.NoError(t, err)
	defer bus.Close()
	status, err := stream.Ask[event.SaleStatus](t.Context(), bus, event.SubjectSalesGet, event.SaleQuery{SaleID: facts.SaleID})
	require.NoError(t, err)
	require.Equal(t, "pending", status.Status)
}

func TestAWrongSettingStopsTheLedgerWithItsName(t *testing.T) {
	good := map[string]string{"NATS_URL": "nats://127.0.0.1:1", "DB_URL": "postgres://ledger:secret@127.0.0.1:1/x"}
	for name, bad := range map[string]string{"NATS_URL": "", "DB_URL": "postgres://ledger:secret@127.0.0.1:port/x", "REPAIR_AFTER": "1ms", "LOG_LEVEL": "loud"} {
		environ := []string{name + "=" + bad}
		for k, v := range good {
			if k != name {
				environ = append(environ, k+"="+v)
			}
		}
		_, err := config.Load[ledger.Config](environ)
		require.True(t, fault.Is(err, fault.Invalid), name)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "secret")
	}
	require.ErrorContains(t, ledger.Run(t.Context(), ledger.Config{}), "NATS_URL")
}
