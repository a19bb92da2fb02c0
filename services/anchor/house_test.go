package anchor_test

import (
	"cmp"
	"context"
	"math/big"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
	"github.com/tillseal/tillseal/shared/testkit"
)

const soon = 3 * time.Minute // for what takes a few blocks of 100 ms, on a busy machine

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
		Deploy: true, Finality: "latest", BatchMax: 50, BatchAge: 50 * time.Millisecond, BatchAgeMax: time.Hour, PromiseWithin: 24 * time.Hour,
		FeeCapGwei: 100, FeeRiseAfter: time.Hour, BumpAfter: time.Minute,
		Poll: 50 * time.Millisecond,
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

// run runs the anchor until the test ends, or until the anchor ends by itself, with its error.
func (h *house) run() (ended <-chan error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done, gone := make(chan error, 1), make(chan struct{})
	cfg := h.cfg
	go func() {
		defer close(gone)
		done <- anchor.Run(ctx, cfg)
	}()
	h.t.Cleanup(func() { cancel(); <-gone })
	return done
}

// refused runs the anchor, which ends by itself within a while, and returns why.
func (h *house) refused() error {
	h.t.Helper()
	select {
	case err := <-h.run():
		require.Error(h.t, err)
		return err
	case <-time.After(3 * soon): // several checks have to lead to it
		h.t.Fatal("the anchor goes on")
		return nil
	}
}

// start runs the anchor until stop is called, which returns what Run returned.
func (h *house) start() (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan error, 1)
	cfg := h.cfg
	go func() { done <- anchor.Run(ctx, cfg) }()
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

// priced is a sale that nobody has committed yet, priced at the usual rate.
func priced(n int) event.SalePriced {
	id := uuid.Must(uuid.NewV7()).String()
	return atRate(event.SalePriced{SaleRecorded: event.SaleRecorded{
		SaleID: id, Kind: "sale", StoreID: "s" + strconv.Itoa(n%3), TerminalID: "t1", Currency: "INR", Total: strconv.Itoa(499+n) + ".00",
		RecordedAt: "2026-11-22T04:45:31.123456Z", SaleHash: sale.Keccak([]byte(id)),
	}}, "254321.17")
}

// atRate prices a sale at another rate.
func atRate(e event.SalePriced, value string) event.SalePriced {
	total, err := money.ParseDecimal(e.Total)
	if err != nil {
		panic(err)
	}
	rate, err := money.ParseDecimal(value)
	if err != nil {
		panic(err)
	}
	e.AmountWei = money.Wei(total, rate).String()
	e.Rate = &event.Rate{ID: "at " + value, Value: value, Currency: e.Currency, Tier: "static", Sources: []event.RateSource{{Name: "static", Value: value}}}
	return e
}

// commit writes sales as the gateway does.
func (h *house) commit(sales ...event.SalePriced) {
	h.t.Helper()
	rows := make([]testkit.Committed, len(sales))
	for i, e := range sales {
		rows[i] = testkit.Committed{
			Sale: sale.Sale{
				SaleID: e.SaleID, Kind: sale.Kind(e.Kind), StoreID: e.StoreID, TerminalID: e.TerminalID, Currency: e.Currency, Total: e.Total,
			},
			SaleHash: e.SaleHash,
		}
	}
	testkit.Commit(h.t, h.db.Admin, rows...)
}

// sell commits n sales and publishes them priced.
func (h *house) sell(n int) (sold []event.SalePriced) {
	h.t.Helper()
	var msgs []*nats.Msg
	for i := range n {
		e := priced(i)
		sold = append(sold, e)
		msgs = append(msgs, pricedMsg(e))
	}
	h.commit(sold...)
	require.NoError(h.t, h.bus.PublishAll(h.t.Context(), msgs))
	return sold
}

// anchored waits until each sale's SaleAnchored is published and accepted (nil accepts any), and returns them by sale.
func (h *house) anchored(sold []event.SalePriced, accept func(event.SaleAnchored) bool) map[string]event.SaleAnchored {
	h.t.Helper()
	consumer, err := h.bus.JS.OrderedConsumer(h.t.Context(), stream.SalesAnchored, jetstream.OrderedConsumerConfig{})
	require.NoError(h.t, err)
	messages, err := consumer.Messages()
	require.NoError(h.t, err)
	defer messages.Stop()
	wanted := make(map[string]bool, len(sold))
	for _, s := range sold {
		wanted[s.SaleID] = true
	}
	got := make(map[string]event.SaleAnchored)
	ctx, cancel := context.WithTimeout(h.t.Context(), soon)
	defer cancel()
	for len(got) < len(sold) {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		require.NoError(h.t, err, "%d of %d sales are anchored", len(got), len(sold))
		e, err := event.Decode[event.SaleAnchored](msg.Data())
		require.NoError(h.t, err)
		require.Equal(h.t, e.SaleID+"/anchored", msg.Headers()["ce-id"][0])
		if wanted[e.SaleID] && (accept == nil || accept(e)) {
			got[e.SaleID] = e
		}
	}
	return got
}

// current waits until every sale is announced in the block where the chain has it now, and returns the last announcements.
func (h *house) current(sold []event.SalePriced) (last map[string]event.SaleAnchored) {
	h.t.Helper()
	node, err := ethclient.Dial(cmp.Or(h.rpc, h.chain.URL()))
	require.NoError(h.t, err)
	defer node.Close()
	last = make(map[string]event.SaleAnchored)
	h.anchored(sold, func(e event.SaleAnchored) bool {
		receipt, err := node.TransactionReceipt(h.t.Context(), e.TxHash)
		if err != nil || receipt.BlockHash != e.BlockHash {
			return false
		}
		last[e.SaleID] = e
		return true
	})
	return last
}

func (h *house) ask(sql string) (text string) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.Admin)
	require.NoError(h.t, err)
	defer func() { _ = conn.Close(h.t.Context()) }()
	require.NoError(h.t, conn.QueryRow(h.t.Context(), sql).Scan(&text))
	return text
}

func (h *house) exec(sql string) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.Admin)
	require.NoError(h.t, err)
	defer func() { _ = conn.Close(h.t.Context()) }()
	_, err = conn.Exec(h.t.Context(), sql)
	require.NoError(h.t, err)
}

func (h *house) program() *exec.Cmd {
	h.t.Helper()
	self, err := os.Executable()
	require.NoError(h.t, err)
	return h.programAt(self)
}

func (h *house) programAt(path string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), path)
	cmd.Env = append(os.Environ(), asProgram+"=1", "DB_URL="+h.db.Anchor, "NATS_URL="+h.nats.URL(), "WEB3_PROVIDER="+h.chain.URL(),
		"ANCHOR_PRIVATE_KEY="+testkit.DevKey, "ANCHOR_DEPLOY=true", "ANCHOR_FINALITY=latest",
		"ANCHOR_BATCH_MAX=50", "ANCHOR_BATCH_AGE=50ms", "ANCHOR_POLL=50ms", "PEAK_SALES_PER_SECOND=1")
	cmd.Stderr = h.t.Output()
	return cmd
}

func callTo(contract string, data []byte) ethereum.CallMsg {
	to := common.HexToAddress(contract)
	return ethereum.CallMsg{To: &to, Data: data}
}

func pricedMsg(e event.SalePriced) *nats.Msg { return event.Priced(e, time.Now(), 0, "") }

func messages(all ...*nats.Msg) []*nats.Msg { return all }

// repeated makes a message that the dedupe window lets pass.
func repeated(e event.SalePriced, generation string) *nats.Msg {
	msg := pricedMsg(e)
	msg.Header.Set(nats.MsgIdHdr, e.SaleID+"/priced#"+generation)
	return msg
}

// transfer sends nothing to nobody with the anchorer's key, at its next nonce, and waits until that is mined.
func (h *house) transfer() {
	h.t.Helper()
	h.send(testkit.DevKey, &common.Address{1}, 0, nil)
}

// send signs a transaction with a key at its next nonce, waits until it is mined and returns the contract that it made, if any.
func (h *house) send(key string, to *common.Address, wei int64, data []byte) common.Address {
	h.t.Helper()
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(h.t, err)
	defer node.Close()
	private, err := crypto.HexToECDSA(key)
	require.NoError(h.t, err)
	nonce, err := node.NonceAt(h.t.Context(), crypto.PubkeyToAddress(private.PublicKey), nil)
	require.NoError(h.t, err)
	tx := types.MustSignNewTx(private, types.LatestSignerForChainID(h.chain.ChainID()), &types.DynamicFeeTx{
		ChainID: h.chain.ChainID(), Nonce: nonce, To: to, Gas: 3_000_000, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(50e9), Value: big.NewInt(wei), Data: data,
	})
	require.NoError(h.t, node.SendTransaction(h.t.Context(), tx))
	var made common.Address
	testkit.Eventually(h.t, soon, "the transaction is mined", func() error {
		receipt, err := node.TransactionReceipt(h.t.Context(), tx.Hash())
		if err == nil {
			require.Equal(h.t, types.ReceiptStatusSuccessful, receipt.Status)
			made = receipt.ContractAddress
		}
		return err
	})
	return made
}
