package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const soon = 2 * time.Minute // on a machine that is busy with much else

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// shop is a database with what gateway and anchor wrote there, a NATS with what they published, and the ledger between.
type shop struct {
	t    *testing.T
	db   testkit.DB
	nats *local.NATS
	bus  *stream.Bus
	stop func() // ends the ledger and waits for it

	admin, gateway, anchor, ledger, auditor *pgx.Conn

	logs map[int64]*batchlog.Log // of each deployment's batches, as far as they are sealed
}

// setup starts a ledger that repairs nothing before the test is over, unless adjusted.
func setup(t *testing.T, adjust ...func(*ledger.Config)) *shop {
	s := &shop{t: t, db: testkit.Database(t), nats: testkit.NATS(t), logs: make(map[int64]*batchlog.Log)}
	s.start(adjust...)
	t.Cleanup(func() { s.stop() })
	bus, err := stream.Connect("test", s.config().Stream, testLog(t))
	require.NoError(t, err)
	t.Cleanup(func() { // a NATS that is stopped while it makes a stream leaves some of that running
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = bus.Ensure(ctx) // it may be away
		bus.Close()
	})
	s.bus = bus
	s.admin = s.login(s.db.Admin)
	s.gateway, s.anchor, s.ledger, s.auditor = s.login(s.db.Gateway), s.login(s.db.Anchor), s.login(s.db.Ledger), s.login(s.db.Auditor)
	return s
}

func (s *shop) login(url string) *pgx.Conn {
	conn, err := pgx.Connect(s.t.Context(), url)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, conn.Close(context.Background())) })
	return conn
}

func (s *shop) config() ledger.Config {
	cfg, err := config.Load[ledger.Config]([]string{"NATS_URL=" + s.nats.URL(), "DB_URL=" + s.db.Ledger, "REPAIR_AFTER=10m", "AUDIT_AT=off"})
	require.NoError(s.t, err)
	cfg.Telemetry.LogOutput = s.t.Output()
	return cfg
}

func (s *shop) start(adjust ...func(*ledger.Config)) {
	ctx, cancel := context.WithCancel(context.Background())
	cfg := s.config()
	for _, f := range adjust {
		f(&cfg)
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	cfg.Ready = func() { close(ready) }
	go func() { done <- ledger.Run(ctx, cfg) }()
	select {
	case <-ready:
	case err := <-done:
		require.FailNow(s.t, "the ledger ended", "%v", err)
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		endsWell(s.t, <-done)
	})
}

// endsWell takes what a ledger that was stopped returns: nil, or its context's error when it was still waiting for its streams, as it may be
// after Ready.
func endsWell(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		require.NoError(t, err)
	}
}

func (s *shop) exec(conn *pgx.Conn, statement string, args ...any) {
	s.t.Helper()
	_, err := conn.Exec(s.t.Context(), statement, args...)
	require.NoError(s.t, err)
}

func (s *shop) count(statement string, args ...any) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.ledger.QueryRow(s.t.Context(), statement, args...).Scan(&n))
	return n
}

const request = `{"currency":"INR","total":"1249.50","lines":[{"sku":"TEA-250","quantity":"2","unit_price":"624.75"}],` +
	`"tenders":[{"type":"cash","amount":"1249.50"}]}`

func testLog(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// facts are those of sale n.
func facts(n int, recordedAt time.Time) sale.Sale {
	return sale.Sale{
		SaleID: fmt.Sprintf("01935f0e-8a7b-7c3d-9e4f-%012d", n), Kind: sale.KindSale, StoreID: "s1", TerminalID: "t1", CustomerID: "C-1001",
		Currency: "INR", Total: "1249.50", PointsDelta: 119, PointsBalance: 143, PurchaseNumber: uint64(n), RecordNumber: uint64(n),
		RecordedAt:  uint64(recordedAt.UnixMicro()),
		RequestHash: sale.Keccak([]byte(request)), Salt: common.BigToHash(big.NewInt(int64(1000 + n))),
	}
}

// sell commits a sale as the gateway does.
func (s *shop) sell(n int, recordedAt time.Time) sale.Sale { return s.sellAs(n, recordedAt, request) }

// sellAs is sell with what the till sent.
func (s *shop) sellAs(n int, recordedAt time.Time, request string) sale.Sale {
	facts := facts(n, recordedAt)
	facts.RequestHash = sale.Keccak([]byte(request))
	testkit.Commit(s.t, s.db.Gateway, testkit.Committed{Sale: facts, Request: []byte(request)})
	return facts
}

// record commits a record of kind key as the gateway does, with its JWK as the request.
func (s *shop) record(n int, recordedAt time.Time) sale.Sale {
	const jwk = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}` // RFC 8037, appendix A.2
	facts := facts(n, recordedAt)
	facts.Kind, facts.StoreID, facts.TerminalID, facts.CustomerID = sale.KindKey, sale.Operator, sale.Operator, ""
	facts.Currency, facts.Total, facts.PointsDelta, facts.PointsBalance, facts.PurchaseNumber = money.NoCurrency, "0", 0, 0, 0
	facts.RequestHash = sale.Keccak([]byte(jwk))
	testkit.Commit(s.t, s.db.Gateway, testkit.Committed{Sale: facts, Request: []byte(jwk)})
	return facts
}

var rate = event.Rate{
	ID: "INR-static-1", Value: "254321.17", Currency: "INR", Tier: "static",
	Sources: []event.RateSource{{Name: "static", Value: "254321.17", ObservedAt: "2026-11-22T04:45:31Z"}}, ObservedAt: "2026-11-22T04:45:31Z",
}

// leaf journals a sale's leaf as the anchor does.
func (s *shop) leaf(facts sale.Sale, wei string) {
	if money.IsZero(facts.Total) {
		s.exec(s.anchor, `INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, store_id) VALUES ($1, $2, $3::text::numeric, $4)`,
			facts.SaleID, facts.Hash().Bytes(), wei, facts.StoreID)
		return
	}
	sources, err := json.Marshal(rate.Sources)
	require.NoError(s.t, err)
	s.exec(s.anchor, `INSERT INTO anchor.rate VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		rate.ID, rate.Value, rate.Currency, rate.Tier, string(sources), rate.ObservedAt)
	s.exec(s.anchor, `INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, rate_id, store_id) VALUES ($1, $2, $3::text::numeric, $4, $5)`,
		facts.SaleID, facts.Hash().Bytes(), wei, rate.ID, facts.StoreID)
}

var contract = common.HexToAddress("0x5FbDB2315678afecb367f032d93F642f64180aa3")

func (s *shop) deploy() (deployment int64) {
	require.NoError(s.t, s.anchor.QueryRow(s.t.Context(),
		`INSERT INTO anchor.deployment (chain_id, genesis_hash, contract, replay) VALUES (1337, $1, $2, true) RETURNING id`,
		common.BigToHash(common.Big1).Bytes(), contract.Bytes()).Scan(&deployment))
	s.exec(s.anchor, `INSERT INTO anchor.deployed (deployment, block_number) VALUES ($1, 5)`, deployment)
	s.logs[deployment] = batchlog.New()
	return deployment
}

// batch is one that is sealed, with the amount of each sale.
type batch struct {
	s          *shop
	deployment int64
	id         uint64
	tree       *merkle.Tree
	sales      []sale.Sale
	wei        []*big.Int
}

// seal journals n sales, their leaves and a batch of them all, the next of its deployment.
func (s *shop) seal(deployment int64, id uint64, sales ...sale.Sale) *batch {
	b := &batch{s: s, deployment: deployment, id: id, sales: sales}
	var leaves []common.Hash
	for i, facts := range sales {
		wei := big.NewInt(int64(4913078726800501 + i))
		if money.IsZero(facts.Total) {
			wei.SetInt64(0)
		}
		b.wei = append(b.wei, wei)
		leaf, err := merkle.Leaf(facts.Hash(), b.wei[i])
		require.NoError(s.t, err)
		leaves = append(leaves, leaf)
	}
	var err error
	b.tree, err = merkle.Build(leaves)
	require.NoError(s.t, err)
	s.exec(s.anchor, `INSERT INTO anchor.batch (deployment, batch_id, root, size) VALUES ($1, $2, $3, $4)`, deployment, id, b.tree.Root().Bytes(), len(sales))
	log := s.logs[deployment]
	row, err := log.Append(batchlog.Batch{ID: id, Root: b.tree.Root(), Size: uint32(len(sales))})
	require.NoError(s.t, err)
	s.exec(s.anchor, `INSERT INTO anchor.log VALUES ($1, $2, $3, $4)`, deployment, id, log.Root().Bytes(), row.Bytes())
	for i, facts := range sales {
		if s.count(`SELECT count(*) FROM anchor.leaf WHERE sale_id = $1`, facts.SaleID) == 0 {
			s.leaf(facts, b.wei[i].String())
		}
		index, _ := b.tree.Index(leaves[i])
		s.exec(s.anchor, `INSERT INTO anchor.batch_leaf (deployment, sale_id, batch_id, leaf_index) VALUES ($1, $2, $3, $4)`, deployment, facts.SaleID, id, index)
	}
	return b
}

// sold makes a mined batch of n sales, and the ledger know it.
func (s *shop) sold(n int) *batch {
	var sales []sale.Sale
	for i := range n {
		sales = append(sales, s.sell(i+1, noon.Add(time.Duration(i)*time.Second)))
	}
	b := s.seal(s.deploy(), 1, sales...)
	s.publish(b.moved(event.BatchMined, 3))
	s.waitFor("the batch is mined", func() bool { return s.status(sales[0].SaleID).Status == "mined" })
	return b
}

var (
	txHash    = common.HexToHash("0x77")
	blockHash = common.HexToHash("0xb10c")
)

// journal writes an event of the batch, as the anchor does before it announces it; an id that is there already is kept.
func (b *batch) journal(e event.Batch) {
	text := func(n *uint64) *string {
		if n == nil {
			return nil
		}
		return new(strconv.FormatUint(*n, 10))
	}
	hash := func(h *common.Hash) []byte {
		if h == nil {
			return nil
		}
		return h.Bytes()
	}
	b.s.exec(b.s.anchor, `INSERT INTO anchor.batch_event (id, deployment, batch_id, state, tx_hash, nonce, block_number, block_hash) OVERRIDING SYSTEM VALUE
		VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7::text::numeric, $8) ON CONFLICT DO NOTHING`,
		e.Sequence, e.Deployment, e.BatchID, string(e.State), hash(e.TxHash), text(e.Nonce), text(e.BlockNumber), hash(e.BlockHash))
}

// moved journals a batch's new state and returns the anchor's message about it.
func (b *batch) moved(state event.BatchState, sequence int64) *nats.Msg {
	e := event.Batch{
		BatchID: b.id, Deployment: b.deployment, Root: b.tree.Root(), Size: b.tree.Size(), State: state, Sequence: sequence, At: noon.Format(time.RFC3339),
	}
	block := uint64(99)
	switch state {
	case event.BatchSealed:
	case event.BatchMined, event.BatchFinal:
		e.BlockNumber, e.BlockHash = &block, &blockHash
		fallthrough
	case event.BatchBroadcast, event.BatchReorged:
		e.TxHash = &txHash
	}
	b.journal(e)
	return event.BatchMoved(e)
}

// minedAgain journals that a batch was mined in another block, after a reorg.
func (b *batch) minedAgain(block uint64, sequence int64) {
	b.journal(event.Batch{
		Sequence: sequence, Deployment: b.deployment, BatchID: b.id, State: event.BatchMined, TxHash: &txHash, BlockNumber: &block, BlockHash: &blockHash,
	})
}

// anchored is the anchor's SaleAnchored of sale i of a batch, for which it journals that the batch was mined in that block.
func (b *batch) anchored(i int, block uint64) event.SaleAnchored {
	b.journal(event.Batch{ // before all others, so that it is none of the events that still have to reach the ledger
		Sequence: -b.deployment*1_000_000 - int64(b.id)*1000 - int64(block), Deployment: b.deployment, BatchID: b.id, State: event.BatchMined,
		TxHash: &txHash, BlockNumber: &block, BlockHash: &blockHash,
	})
	leaf, _ := merkle.Leaf(b.sales[i].Hash(), b.wei[i])
	index, _ := b.tree.Index(leaf)
	return event.SaleAnchored{
		SaleID: b.sales[i].SaleID, StoreID: b.sales[i].StoreID, SaleHash: b.sales[i].Hash(), AmountWei: b.wei[i].String(), Leaf: leaf, Proof: b.tree.Proof(index),
		Deployment: b.deployment, BatchID: b.id, LeafIndex: index, Root: b.tree.Root(), ChainID: 1337, Contract: contract.Hex(),
		TxHash: txHash, BlockNumber: block, BlockHash: blockHash, Finality: "latest",
	}
}

func (s *shop) publish(msgs ...*nats.Msg) {
	s.t.Helper()
	require.NoError(s.t, s.bus.PublishAll(s.t.Context(), msgs))
}

func (s *shop) status(id string) event.SaleStatus {
	s.t.Helper()
	got, err := stream.Ask[event.SaleStatus](s.t.Context(), s.bus, event.SubjectSalesGet, event.SaleQuery{SaleID: id})
	require.NoError(s.t, err)
	return got
}

func (s *shop) proof(id string) (event.Proof, error) {
	return stream.Ask[event.Proof](s.t.Context(), s.bus, event.SubjectProofsGet, event.SaleQuery{SaleID: id})
}

func (s *shop) waitFor(what string, holds func() bool) {
	s.t.Helper()
	testkit.Eventually(s.t, soon, what, func() error {
		if !holds() {
			return fmt.Errorf("not yet")
		}
		return nil
	})
}

// drained waits until the ledger has processed everything that was published.
func (s *shop) drained(streamName, durable string) {
	s.t.Helper()
	testkit.Settled(s.t, soon, s.bus.JS, streamName, durable)
}

// messages is how many a stream holds.
func (s *shop) messages(name string) uint64 {
	s.t.Helper()
	str, err := s.bus.JS.Stream(s.t.Context(), name)
	require.NoError(s.t, err)
	return str.CachedInfo().State.Msgs
}
