package anchor_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
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
	"github.com/tillseal/tillseal/shared/stream"
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
	again := atRate(sold[0], "300000")
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
	require.Contains(t, e.Reason, "forged: the committed sale has another sale_hash")
	require.True(t, e.Forged)
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

func TestADevelopmentChainMadeAnewGetsAllSalesAgain(t *testing.T) {
	for name, given := range map[string]bool{"deployed": false, "at a contract that is given": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setup(t)
			stop := h.start()
			sold := h.sell(7)
			first := h.anchored(sold, nil)[sold[0].SaleID]
			h.inState(event.BatchFinal, 7)
			require.NoError(t, stop())
			h.chain = testkit.Chain(t, func(c *local.ChainConfig) { c.Period = 100 * time.Millisecond })
			h.cfg.Provider = config.Secret(h.chain.URL())
			if given {
				h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
			}
			h.start()
			h.verify(sold, h.anchored(sold, func(e event.SaleAnchored) bool { return e.Deployment > first.Deployment }))
		})
	}
}

func TestALeafThatBecomesVisibleBelowOthersThatAreSealedIsAnchoredToo(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	conn, err := pgx.Connect(t.Context(), h.db.Admin)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	late := priced(0)
	_, err = tx.Exec(t.Context(), "INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, rate_id, store_id) VALUES ($1, $2, $3, 'at 254321.17', $4)",
		late.SaleID, late.SaleHash[:], late.AmountWei, late.StoreID)
	require.NoError(t, err)
	sold = append(sold, h.sell(5)...)
	h.anchored(sold, nil)
	require.NoError(t, tx.Commit(t.Context()))
	sold = append(sold, late)
	h.verify(sold, h.anchored(sold, nil))
}

func TestOperatorsListShowResendAndAnnounceBatches(t *testing.T) {
	h := setup(t, func(c *anchor.Config) { c.BatchMax = 13 })
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
	announced, err := ask("batches.announce", map[string]uint64{"batch_id": batch})
	require.NoError(t, err)
	require.Equal(t, story.Events[0].Size, announced.Count)
	var its []event.SalePriced
	for _, sale := range sold {
		if first[sale.SaleID].BatchID == batch {
			its = append(its, sale)
		}
	}
	times := map[string]int{}
	again := h.anchored(its, func(e event.SaleAnchored) bool { times[e.SaleID]++; return times[e.SaleID] > 1 })
	require.Len(t, again, announced.Count)
	status, err := ask("status", struct{}{})
	require.NoError(t, err)
	require.True(t, status.Active)
	require.GreaterOrEqual(t, status.NextBatchID, uint64(4))
	require.Positive(t, status.Runway)
}

func TestAnotherRootInOurPlaceStopsTheAnchor(t *testing.T) {
	h := setup(t)
	h.neverFinal(h.chain.URL())
	stop := h.start()
	h.anchored(h.sell(1), nil)
	testkit.Eventually(t, soon, "everything is marked as announced, so that nobody reads the batch again to announce it", func() error {
		if h.ask("SELECT count(*)::text FROM anchor.announced WHERE what = 'sales'") != "1" {
			return errors.New("not yet")
		}
		return nil
	})
	require.NoError(t, stop())
	h.exec("UPDATE anchor.batch SET root = '\\x" + common.Bytes2Hex(make([]byte, 31)) + "01'")
	err := h.refused()
	require.True(t, fault.Is(err, fault.Fatal), "%v", err)
	require.ErrorContains(t, err, "batch 1 is not the one that the journal's log has")
}

func TestTheAnchorIsReadyOncePostgresAnswersWhateverTheChainDoes(t *testing.T) {
	t.Parallel()
	postgres := testkit.OwnPostgres(t)
	db := testkit.Migrated(t, postgres)
	ready := make(chan struct{})
	h := setup(t, func(c *anchor.Config) {
		c.DBURL, c.Provider, c.Ready = config.Secret(db.Anchor), "http://127.0.0.1:1", func() { close(ready) }
	})
	require.NoError(t, postgres.Kill())
	stop := h.start()
	testkit.Eventually(t, soon, "requests are answered", func() error {
		_, err := stream.Ask[struct{ Active bool }](t.Context(), h.bus, "ops.anchor.status", struct{}{})
		return err
	})
	select {
	case <-ready:
		require.FailNow(t, "ready without Postgres")
	default:
	}
	require.NoError(t, postgres.Restart(t.Context()))
	<-ready
	require.NoError(t, stop())
}

func TestWrongSettingsAreNamed(t *testing.T) {
	good := anchor.Config{
		DBURL: "postgres://x", Provider: "http://x", PrivateKey: testkit.DevKey, Finality: "latest", BatchMax: 1, BatchAge: time.Second, BatchAgeMax: time.Hour,
		PromiseWithin: 24 * time.Hour,
		FeeCapGwei:    1, FeeRiseAfter: time.Second, BumpAfter: time.Second, Poll: time.Second, Stream: stream.Config{URL: "nats://x", PeakSalesPerSecond: 1},
	}
	require.NoError(t, good.Check())
	for variable, spoil := range map[string]func(*anchor.Config){
		"DB_URL":                         func(c *anchor.Config) { c.DBURL = "" },
		"WEB3_PROVIDER":                  func(c *anchor.Config) { c.Provider = "" },
		"ANCHOR_KEYSTORE":                func(c *anchor.Config) { c.PrivateKey = "" },
		"ANCHOR_KEYSTORE_PASSWORD_FILE":  func(c *anchor.Config) { c.PrivateKey, c.Keystore = "", "k" },
		"ANCHOR_OWNER":                   func(c *anchor.Config) { c.Owner = "me" },
		"ANCHOR_CONTRACT":                func(c *anchor.Config) { c.Contract = "0x1" },
		"ANCHOR_FINALITY":                func(c *anchor.Config) { c.Finality = "soon" },
		"ANCHOR_BATCH_MAX":               func(c *anchor.Config) { c.BatchMax = 0 },
		"ANCHOR_BATCH_AGE":               func(c *anchor.Config) { c.BatchAge = 9 * time.Millisecond },
		"ANCHOR_BATCH_AGE_MAX":           func(c *anchor.Config) { c.BatchAgeMax = time.Millisecond },
		"PROMISE_WITHIN must be":         func(c *anchor.Config) { c.PromiseWithin = time.Second - 1 },
		"AGE_MAX must be less than PROM": func(c *anchor.Config) { c.PromiseWithin = time.Hour },
		"ANCHOR_BUDGET_ETH_PER_DAY":      func(c *anchor.Config) { c.BudgetPerDay = "much" },
		"ANCHOR_FEE_CAP_GWEI":            func(c *anchor.Config) { c.FeeCapGwei = 0 },
		"ANCHOR_POLL":                    func(c *anchor.Config) { c.Poll = 6 * time.Minute },
		"ANCHOR_BUMP_AFTER":              func(c *anchor.Config) { c.BumpAfter = 25 * time.Hour },
		"NATS_URL":                       func(c *anchor.Config) { c.Stream.URL = "" },
		"PEAK_SALES_PER_SECOND":          func(c *anchor.Config) { c.Stream.PeakSalesPerSecond = 0 },
		"LOG_LEVEL":                      func(c *anchor.Config) { c.Telemetry.LogLevel = "loud" },
	} {
		c := good
		spoil(&c)
		err := anchor.Run(t.Context(), c)
		require.ErrorContains(t, err, variable)
		require.True(t, fault.Is(err, fault.Invalid))
	}
}

func TestAMissingKeyFileHidesNoOtherWrongSetting(t *testing.T) {
	missing := t.TempDir()
	err := anchor.Config{Keystore: missing + "/key", KeystorePasswordFile: missing + "/password", BatchMax: -1}.Check()
	for _, wrong := range []string{"ANCHOR_KEYSTORE can't be read", "ANCHOR_KEYSTORE_PASSWORD_FILE can't be read", "ANCHOR_BATCH_MAX", "DB_URL"} {
		require.ErrorContains(t, err, wrong)
	}
	require.NotContains(t, err.Error(), missing)
}

func TestAMistypedAddressIsToldByItsChecksum(t *testing.T) {
	h := setup(t, func(c *anchor.Config) { c.PrivateKey, c.SignerURL = "", "http://127.0.0.1:1" })
	for variable, field := range map[string]*string{
		"ANCHOR_OWNER": &h.cfg.Owner, "ANCHOR_CONTRACT": &h.cfg.Contract, "ANCHOR_SIGNER_ADDRESS": &h.cfg.SignerAddress,
	} {
		for text, good := range map[string]bool{
			"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed": true, // the example of EIP-55
			"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed":   true,
			"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed": true,
			"0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED": true,
			"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAEd": false,
			"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed": false,
		} {
			*field = text
			err := h.cfg.Check()
			*field = ""
			if good {
				require.NoError(t, err, text)
				continue
			}
			require.ErrorContains(t, err, variable+" is mistyped", text)
		}
	}
}

func TestABatchThatCanNotKeepUpIsRefusedAtStart(t *testing.T) {
	h := setup(t)
	h.cfg.BatchMax, h.cfg.Stream.PeakSalesPerSecond = 1, 2
	err := h.refused()
	require.ErrorContains(t, err, "ANCHOR_BATCH_MAX")
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestAnAnchorThatHasAnchoredRunsOnAChainThatIsSlowJustNow(t *testing.T) {
	t.Parallel()
	h := setup(t)
	stop := h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	require.NoError(t, stop())
	h.cfg.BatchMax, h.cfg.Stream.PeakSalesPerSecond = 1, 2
	gauge := h.measured()
	sold = append(sold, h.sell(2)...)
	h.verify(sold, h.anchored(sold, nil))
	tooSmall, err := gauge("batches_too_small")
	require.NoError(t, err)
	require.Equal(t, int64(1), tooSmall)
}
