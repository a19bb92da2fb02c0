package anchor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/lifecycle"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
	"github.com/tillseal/tillseal/shared/testkit"
)

// asProgram makes this test binary the anchor's program, for tests that kill it.
const asProgram = "ANCHOR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		lifecycle.Main("anchor", "", anchor.Run)
	}
	testkit.Main(m)
}

const soon = 60 * time.Second // for what takes a few blocks of 100 ms, on a busy machine

// house is the anchor's surroundings, without the anchor.
type house struct {
	t     testing.TB
	db    testkit.DB
	nats  *local.NATS
	chain *local.Chain
	rpc   string // of the node that proofs are checked at, when it is not chain
	bus   *stream.Bus
	cfg   anchor.Config
}

func setup(t testing.TB, adjust ...func(*anchor.Config)) *house {
	t.Helper()
	h := &house{t: t, db: testkit.Database(t), nats: testkit.NATS(t)}
	h.chain = testkit.Chain(t, func(c *local.ChainConfig) { c.Period = 100 * time.Millisecond })
	h.cfg = anchor.Config{
		Telemetry: telemetry.Config{LogLevel: "info", LogOutput: t.Output()},
		Stream:    stream.Config{URL: config.Secret(h.nats.URL()), PeakSalesPerSecond: 1},
		DBURL:     config.Secret(h.db.Anchor), Provider: config.Secret(h.chain.URL()), PrivateKey: testkit.DevKey,
		Deploy: true, Finality: "latest", BatchMax: 50, BatchAge: 50 * time.Millisecond, FeeCap: 100, FeeRise: time.Hour, BumpAfter: time.Minute, Poll: 50 * time.Millisecond,
	}
	for _, f := range adjust {
		f(&h.cfg)
	}
	var err error
	h.bus, err = stream.Connect("test", h.cfg.Stream, tel(t).Log)
	require.NoError(t, err)
	t.Cleanup(h.bus.Close)
	require.NoError(t, h.bus.Ensure(t.Context()))
	return h
}

func tel(t testing.TB) *telemetry.Telemetry {
	t.Helper()
	s, err := telemetry.Start(t.Context(), "test", telemetry.Config{LogOutput: t.Output()})
	require.NoError(t, err)
	return s
}

// start runs the anchor until stop is called, which returns what Run returned.
func (h *house) start() (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan error, 1)
	go func() { done <- anchor.Run(ctx, h.cfg) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	h.t.Cleanup(func() { _ = stop() })
	return stop
}

func priced(n int) event.SalePriced {
	id := uuid.Must(uuid.NewV7()).String()
	return event.SalePriced{
		SaleRecorded: event.SaleRecorded{
			SaleID: id, Kind: "sale", StoreID: "s" + strconv.Itoa(n%3), TerminalID: "t1", Currency: "INR", Total: "499.00",
			RecordedAt: "2026-11-22T04:45:31.123456Z", SaleHash: sale.Keccak([]byte(id)),
		},
		AmountWei: strconv.Itoa(1_000_000 + n),
		Rate:      event.Rate{ID: "r1", Value: "254321.17", Currency: "INR", Tier: "static", Sources: []event.RateSource{{Name: "static", Value: "254321.17"}}},
	}
}

// sell publishes n priced sales.
func (h *house) sell(n int) (sold []event.SalePriced) {
	h.t.Helper()
	var msgs []*nats.Msg
	for i := range n {
		e := priced(i)
		sold = append(sold, e)
		msgs = append(msgs, pricedMsg(e))
	}
	require.NoError(h.t, h.bus.PublishAll(h.t.Context(), msgs))
	return sold
}

// anchored waits until each sale's SaleAnchored was said at the newest block, and returns them by sale.
func (h *house) anchored(sold []event.SalePriced, accept func(event.SaleAnchored) bool) map[string]event.SaleAnchored {
	h.t.Helper()
	consumer, err := h.bus.JS.OrderedConsumer(h.t.Context(), stream.SalesAnchored, jetstream.OrderedConsumerConfig{})
	require.NoError(h.t, err)
	messages, err := consumer.Messages()
	require.NoError(h.t, err)
	defer messages.Stop()
	got := make(map[string]event.SaleAnchored)
	ctx, cancel := context.WithTimeout(h.t.Context(), soon)
	defer cancel()
	for len(got) < len(sold) {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		require.NoError(h.t, err, "%d of %d sales are anchored", len(got), len(sold))
		e, err := event.Decode[event.SaleAnchored](msg.Data())
		require.NoError(h.t, err)
		require.Equal(h.t, e.SaleID+"/anchored", msg.Headers()["ce-id"][0])
		if accept == nil || accept(e) {
			got[e.SaleID] = e
		}
	}
	return got
}

// verify checks every proof against the chain, and that journal and chain agree as DESIGN section 8 demands.
func (h *house) verify(sold []event.SalePriced, got map[string]event.SaleAnchored) {
	h.t.Helper()
	url := h.chain.URL()
	if h.rpc != "" {
		url = h.rpc
	}
	node, err := ethclient.Dial(url)
	require.NoError(h.t, err)
	defer node.Close()
	abi := binding.NewSaleAnchor()
	for _, s := range sold {
		e, ok := got[s.SaleID]
		require.True(h.t, ok)
		require.Equal(h.t, s.SaleHash, e.SaleHash)
		require.Equal(h.t, s.AmountWei, e.AmountWei)
		require.True(h.t, merkle.Verify(e.Root, e.Leaf, e.Proof))
		require.Equal(h.t, e.Root, h.rootOf(node, abi, e))
		receipt, err := node.TransactionReceipt(h.t.Context(), e.TxHash)
		require.NoError(h.t, err)
		require.Equal(h.t, e.BlockHash, receipt.BlockHash)
		require.Equal(h.t, e.BlockNumber, receipt.BlockNumber.Uint64())
	}
	require.Equal(h.t, "0", h.ask(`SELECT count(*)::text FROM (SELECT batch_id, row_number() OVER (PARTITION BY deployment ORDER BY batch_id) n FROM anchor.batch) b WHERE batch_id <> n`), "batch ids are dense")
	require.Equal(h.t, strconv.Itoa(len(sold)), h.ask(`SELECT count(*)::text FROM anchor.batch_leaf WHERE deployment = (SELECT max(id) FROM anchor.deployment)`), "each sale stands in one batch")
}

func (h *house) rootOf(node *ethclient.Client, abi *binding.SaleAnchor, e event.SaleAnchored) common.Hash {
	h.t.Helper()
	answer, err := node.CallContract(h.t.Context(), callTo(e.Contract, abi.PackRootOf(e.BatchID)), nil)
	require.NoError(h.t, err)
	root, err := abi.UnpackRootOf(answer)
	require.NoError(h.t, err)
	return root
}

// ask reads one text as the database's owner.
func (h *house) ask(sql string) (text string) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.Admin)
	require.NoError(h.t, err)
	defer func() { _ = conn.Close(h.t.Context()) }()
	require.NoError(h.t, conn.QueryRow(h.t.Context(), sql).Scan(&text))
	return text
}

func TestPricedSalesAreAnchoredAndTheirProofsHold(t *testing.T) {
	h := setup(t)
	h.start()
	sold := h.sell(120)
	got := h.anchored(sold, nil)
	h.verify(sold, got)
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.rate"), "a rate is one row")
	require.NotEqual(t, "1", h.ask("SELECT count(*)::text FROM anchor.batch"), "ANCHOR_BATCH_MAX bounds a batch")
}

func TestABatchIsToldStepByStepUpToFinal(t *testing.T) {
	h := setup(t, func(c *anchor.Config) { c.Finality = "finalized" })
	h.start()
	sold := h.sell(3)
	got := h.anchored(sold, nil) // the chain finalizes every 32 blocks
	h.verify(sold, got)
	consumer, err := h.bus.JS.OrderedConsumer(t.Context(), stream.Batches, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	batch := got[sold[0].SaleID].BatchID
	var states []event.BatchState
	for len(states) == 0 || states[len(states)-1] != event.BatchFinal {
		msg, err := consumer.Next(jetstream.FetchMaxWait(soon))
		require.NoError(t, err)
		e, err := event.Decode[event.Batch](msg.Data())
		require.NoError(t, err)
		if e.BatchID == batch {
			states = append(states, e.State)
		}
	}
	require.Equal(t, []event.BatchState{event.BatchSealed, event.BatchBroadcast, event.BatchMined, event.BatchFinal}, states)
	require.Equal(t, "finalized", got[sold[0].SaleID].Finality)
}

func TestTheSamePricedSaleTwiceHasOneLeafAndAnotherHashIsRefused(t *testing.T) {
	h := setup(t)
	h.start()
	sold := h.sell(1)
	again := sold[0]
	again.AmountWei, again.Rate.ID = "999", "r2"
	forged := sold[0]
	forged.SaleHash = common.Hash{0xbd}
	require.NoError(t, h.bus.PublishAll(t.Context(), []*nats.Msg{repeated(again, "a"), repeated(forged, "b")}))
	more := h.sell(1)
	h.verify(append(sold, more...), h.anchored(append(sold, more...), nil))
	parked, err := h.bus.JS.OrderedConsumer(t.Context(), stream.SalesDLQ, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	msg, err := parked.Next(jetstream.FetchMaxWait(soon))
	require.NoError(t, err)
	e, err := event.Decode[event.Parked](msg.Data())
	require.NoError(t, err)
	require.Equal(t, sold[0].SaleID, e.SaleID)
	require.Contains(t, e.Reason, "another sale_hash")
}

func TestARestartedAnchorGoesOnAtItsContract(t *testing.T) {
	h := setup(t)
	stop := h.start()
	first := h.sell(5)
	h.anchored(first, nil)
	require.NoError(t, stop())
	second := h.sell(5)
	h.start()
	all := append(first, second...)
	h.verify(all, h.anchored(all, nil))
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.deployment"))
}

func TestAnAnchorKilledAtAnyMomentLosesAndDoublesNothing(t *testing.T) {
	h := setup(t)
	var sold []event.SalePriced
	for round := range 6 {
		program := h.program()
		require.NoError(t, program.Start())
		sold = append(sold, h.sell(40)...)
		// Killed as soon as the journal has moved: while leaves come in, batches are sealed, signed, sent and settled.
		before := h.ask(journalSize)
		testkit.Eventually(t, soon, "the journal moves", func() error {
			if now := h.ask(journalSize); now == before && round > 0 {
				return errors.New("still at " + now)
			}
			return nil
		})
		require.NoError(t, program.Process.Signal(syscall.SIGKILL))
		require.Error(t, program.Wait())
	}
	h.start()
	h.verify(sold, h.anchored(sold, nil))
}

const journalSize = `SELECT ((SELECT count(*) FROM anchor.leaf) / 7 + (SELECT count(*) FROM anchor.batch) + (SELECT count(*) FROM anchor.tx_attempt) + (SELECT count(*) FROM anchor.batch_event))::text`

func (h *house) program() *exec.Cmd {
	h.t.Helper()
	self, err := os.Executable()
	require.NoError(h.t, err)
	return h.programAt(self)
}

func (h *house) programAt(path string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), path)
	cmd.Env = append(os.Environ(), asProgram+"=1", "DB_URL="+h.db.Anchor, "NATS_URL="+h.nats.URL(), "WEB3_PROVIDER="+h.chain.URL(),
		"ANCHOR_PRIVATE_KEY="+testkit.DevKey, "ANCHOR_DEPLOY=true", "ANCHOR_FINALITY=latest", "ANCHOR_BATCH_MAX=50", "ANCHOR_BATCH_AGE=50ms", "ANCHOR_POLL=50ms", "PEAK_SALES_PER_SECOND=1")
	cmd.Stderr = h.t.Output()
	return cmd
}

// moments are where the anchor can be cut off between an intent and its effect or an effect and its note, in the order of its
// work; see package crash.
var moments = []string{
	"deployment journaled, not sent", "transaction sent", "leaf journaled, not acknowledged", "batch sealed, not signed",
	"transaction signed, not sent", "batch sent, not noted", "batch mined, not noted", "batch told, not noted", "sales told, not noted",
}

func TestAnAnchorKilledAtEachStepOfItsWorkGoesOnFromThere(t *testing.T) {
	h := setup(t)
	binary := filepath.Join(t.TempDir(), "anchor")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "crashpoints", "-o", binary, "./cmd/anchor").CombinedOutput()
	require.NoError(t, err, "%s", out)
	var sold []event.SalePriced
	for _, moment := range moments {
		program := h.programAt(binary)
		program.Env = append(program.Env, "CRASH_AT="+moment)
		require.NoError(t, program.Start())
		sold = append(sold, h.sell(5)...)
		died := make(chan error, 1)
		go func() { died <- program.Wait() }()
		select {
		case err := <-died:
			require.ErrorContains(t, err, "killed", moment)
		case <-time.After(soon):
			t.Fatalf("it never came to: %s", moment)
		}
	}
	h.start()
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.deployment"))
}

func TestAReorgSendsTheSameBatchAgainAndSaysSo(t *testing.T) {
	h := setup(t)
	h.start()
	sold := h.sell(3)
	first := h.anchored(sold, nil)[sold[0].SaleID]
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(t, err)
	defer node.Close()
	mined, err := node.HeaderByHash(t.Context(), first.BlockHash)
	require.NoError(t, err)
	testkit.Eventually(t, soon, "a fork below the batch", func() error {
		_ = h.chain.DropPending()
		return h.chain.Fork(mined.ParentHash)
	})
	got := h.anchored(sold, func(e event.SaleAnchored) bool { return e.BlockHash != first.BlockHash })
	h.verify(sold, got)
	require.Equal(t, first.Root, got[sold[0].SaleID].Root)
	require.Equal(t, first.BatchID, got[sold[0].SaleID].BatchID)
}

func TestADevelopmentChainMadeAnewGetsAllSalesAgain(t *testing.T) {
	h := setup(t)
	stop := h.start()
	sold := h.sell(7)
	first := h.anchored(sold, nil)[sold[0].SaleID]
	require.NoError(t, stop())
	h.chain = testkit.Chain(t, func(c *local.ChainConfig) { c.Period = 100 * time.Millisecond })
	h.cfg.Provider = config.Secret(h.chain.URL())
	h.start()
	h.verify(sold, h.anchored(sold, func(e event.SaleAnchored) bool { return e.Deployment > first.Deployment }))
}

func TestTwoAnchorsOneActs(t *testing.T) {
	h := setup(t)
	stop := h.start()
	h.start()
	first := h.sell(20)
	h.anchored(first, nil)
	require.NoError(t, stop())
	second := h.sell(20)
	all := append(first, second...)
	h.verify(all, h.anchored(all, nil))
}

func TestAnotherAnchorTakesOverWithinSecondsOfAKill(t *testing.T) {
	h := setup(t)
	active := h.program()
	require.NoError(t, active.Start())
	first := h.sell(5)
	h.anchored(first, nil)
	h.start() // stands by
	require.NoError(t, active.Process.Signal(syscall.SIGKILL))
	killed := time.Now()
	require.Error(t, active.Wait())
	all := append(first, h.sell(5)...)
	h.verify(all, h.anchored(all, nil))
	t.Logf("taken over, and five sales anchored, in %v", time.Since(killed))
}

func TestTwoThatBothBelieveTheyAreActiveDoNoHarm(t *testing.T) {
	h := setup(t)
	frozen := h.program()
	require.NoError(t, frozen.Start())
	sold := h.sell(5)
	h.anchored(sold, nil)
	require.NoError(t, frozen.Process.Signal(syscall.SIGSTOP))
	h.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tillseal anchor lease'")
	stop := h.start()
	sold = append(sold, h.sell(5)...)
	h.anchored(sold, nil)
	require.NoError(t, frozen.Process.Signal(syscall.SIGCONT)) // it still believes
	for range 2 {
		sold = append(sold, h.sell(20)...)
		h.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tillseal anchor lease'")
		h.anchored(sold, nil)
	}
	h.verify(sold, h.anchored(sold, nil))
	require.NoError(t, stop())
	require.NoError(t, frozen.Process.Signal(syscall.SIGTERM))
	require.NoError(t, frozen.Wait())
}

func TestOperatorsListShowResendAndAnnounceBatches(t *testing.T) {
	h := setup(t, func(c *anchor.Config) { c.BatchMax = 12 })
	h.start()
	sold := h.sell(40)
	first := h.anchored(sold, nil)
	batch := first[sold[0].SaleID].BatchID
	type answer struct {
		Batches  []event.Batch
		Events   []event.Batch
		Attempts []struct {
			Nonce uint64
		}
		Before      uint64
		Count       int
		Active      bool
		NextBatchID uint64 `json:"next_batch_id"`
		Runway      int64  `json:"runway_batches"`
	}
	ask := func(subject string, request any) (answer, error) {
		return stream.Ask[answer](t.Context(), h.bus, "ops.anchor."+subject, request)
	}
	page, err := ask("batches.list", map[string]int{"limit": 2})
	require.NoError(t, err)
	require.Len(t, page.Batches, 2)
	rest, err := ask("batches.list", map[string]uint64{"before": page.Before})
	require.NoError(t, err)
	require.Equal(t, page.Before-1, rest.Batches[0].BatchID)
	story, err := ask("batches.get", map[string]uint64{"batch_id": batch})
	require.NoError(t, err)
	require.Equal(t, event.BatchSealed, story.Events[0].State)
	require.Len(t, story.Attempts, 1)
	_, err = ask("batches.get", map[string]uint64{"batch_id": 999})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	_, err = ask("batches.resend", map[string]uint64{"batch_id": batch})
	require.True(t, fault.Is(err, fault.Conflict), "a mined one: %v", err)
	said, err := ask("batches.announce", map[string]uint64{"batch_id": batch})
	require.NoError(t, err)
	require.Equal(t, story.Events[0].Size, said.Count)
	var its []event.SalePriced
	for _, sale := range sold {
		if first[sale.SaleID].BatchID == batch {
			its = append(its, sale)
		}
	}
	times := map[string]int{}
	again := h.anchored(its, func(e event.SaleAnchored) bool { times[e.SaleID]++; return times[e.SaleID] > 1 })
	require.Len(t, again, said.Count)
	status, err := ask("status", struct{}{})
	require.NoError(t, err)
	require.True(t, status.Active)
	require.GreaterOrEqual(t, status.NextBatchID, uint64(4))
	require.Positive(t, status.Runway)
}

func TestALostReplyToABroadcastIsNoSecondTransaction(t *testing.T) {
	var proxy *testkit.Proxy
	h := setup(t)
	proxy = testkit.RPCProxy(t, h.chain.URL())
	h.cfg.Provider = config.Secret(proxy.URL())
	proxy.On("eth_sendRawTransaction", testkit.Drop())
	h.start()
	sold := h.sell(3)
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, "2", h.ask("SELECT count(*)::text FROM anchor.tx_attempt"), "the deploy and one anchor transaction")
}

func TestASwallowedTransactionIsSentAgain(t *testing.T) {
	h := setup(t, func(c *anchor.Config) { c.BumpAfter = time.Second })
	proxy := testkit.RPCProxy(t, h.chain.URL())
	h.cfg.Provider = config.Secret(proxy.URL())
	proxy.On("eth_sendRawTransaction", testkit.Times(2, testkit.Swallow()))
	h.start()
	sold := h.sell(3)
	h.verify(sold, h.anchored(sold, nil))
}

func TestIntakeGoesOnWithoutTheChainAndCatchesUp(t *testing.T) {
	h := setup(t)
	proxy := testkit.RPCProxy(t, h.chain.URL())
	h.cfg.Provider = config.Secret(proxy.URL())
	for _, method := range []string{"eth_chainId", "eth_getBlockByNumber"} {
		proxy.On(method, testkit.Status(429))
	}
	h.start()
	sold := h.sell(30)
	testkit.Eventually(t, soon, "all leaves are journaled", func() error {
		if n := h.ask("SELECT count(*)::text FROM anchor.leaf"); n != "30" {
			return fmt.Errorf("%s leaves", n)
		}
		return nil
	})
	proxy.Clear()
	h.verify(sold, h.anchored(sold, nil))
}

func TestAnotherRootInOurPlaceStopsTheAnchor(t *testing.T) {
	h := setup(t)
	stop := h.start()
	h.anchored(h.sell(1), nil)
	require.NoError(t, stop())
	h.exec("UPDATE anchor.batch SET root = '\\x" + common.Bytes2Hex(make([]byte, 31)) + "01'")
	h.exec("DELETE FROM anchor.batch_event WHERE state = 'final'")
	done := make(chan error, 1)
	go func() { done <- anchor.Run(t.Context(), h.cfg) }()
	select {
	case err := <-done:
		require.True(t, fault.Is(err, fault.Fatal), "%v", err)
	case <-time.After(soon):
		t.Fatal("the anchor goes on")
	}
}

func (h *house) exec(sql string) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.Admin)
	require.NoError(h.t, err)
	defer func() { _ = conn.Close(h.t.Context()) }()
	_, err = conn.Exec(h.t.Context(), sql)
	require.NoError(h.t, err)
}

func TestWrongSettingsAreNamed(t *testing.T) {
	good := anchor.Config{
		DBURL: "postgres://x", Provider: "http://x", PrivateKey: testkit.DevKey, Finality: "latest", BatchMax: 1, BatchAge: time.Second,
		FeeCap: 1, FeeRise: time.Second, BumpAfter: time.Second, Poll: time.Second, Stream: stream.Config{URL: "nats://x", PeakSalesPerSecond: 1},
	}
	require.NoError(t, good.Check())
	for variable, spoil := range map[string]func(*anchor.Config){
		"DB_URL":                        func(c *anchor.Config) { c.DBURL = "" },
		"WEB3_PROVIDER":                 func(c *anchor.Config) { c.Provider = "" },
		"ANCHOR_KEYSTORE":               func(c *anchor.Config) { c.PrivateKey = "" },
		"ANCHOR_KEYSTORE_PASSWORD_FILE": func(c *anchor.Config) { c.PrivateKey, c.Keystore = "", "k" },
		"ANCHOR_OWNER":                  func(c *anchor.Config) { c.Owner = "me" },
		"ANCHOR_CONTRACT":               func(c *anchor.Config) { c.Contract = "0x1" },
		"ANCHOR_FINALITY":               func(c *anchor.Config) { c.Finality = "soon" },
		"ANCHOR_BATCH_MAX":              func(c *anchor.Config) { c.BatchMax = 0 },
		"ANCHOR_BATCH_AGE":              func(c *anchor.Config) { c.BatchAge = 0 },
		"ANCHOR_FEE_CAP_GWEI":           func(c *anchor.Config) { c.FeeCap = 0 },
		"ANCHOR_POLL":                   func(c *anchor.Config) { c.Poll = 0 },
		"NATS_URL":                      func(c *anchor.Config) { c.Stream.URL = "" },
		"PEAK_SALES_PER_SECOND":         func(c *anchor.Config) { c.Stream.PeakSalesPerSecond = 0 },
		"LOG_LEVEL":                     func(c *anchor.Config) { c.Telemetry.LogLevel = "loud" },
	} {
		c := good
		spoil(&c)
		err := anchor.Run(t.Context(), c)
		require.ErrorContains(t, err, variable)
		require.True(t, fault.Is(err, fault.Invalid))
	}
}

func TestABatchThatCanNotKeepUpIsRefusedAtStart(t *testing.T) {
	h := setup(t)
	h.cfg.BatchMax, h.cfg.Stream.PeakSalesPerSecond = 1, 2
	err := anchor.Run(t.Context(), h.cfg)
	require.ErrorContains(t, err, "ANCHOR_BATCH_MAX")
	require.True(t, fault.Is(err, fault.Invalid))
}
