package anchor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// oneByte deploys a contract whose code is a single STOP.
var oneByte = common.FromHex("0x6001600c60003960016000f300")

// otherBuild deploys a SaleAnchor whose last byte of code is another.
func otherBuild() []byte {
	data, code := binding.DeployData(testkit.DevAddress, testkit.DevAddress), binding.RuntimeCode()
	last := bytes.Index(data, code) + len(code) - 1
	data[last] ^= 1
	return data
}

func TestAContractThatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	h := setup(t)
	stranger := addressOf(t, newKey.Reveal())
	for name, c := range map[string]struct{ contract, refusal string }{
		"none":             {"", "ANCHOR_DEPLOY=true"},
		"missing":          {"0x00000000000000000000000000000000000000aa", "no code at ANCHOR_CONTRACT"},
		"foreign":          {h.send(testkit.DevKey, nil, 0, oneByte).Hex(), "not this build's"},
		"of another build": {h.send(testkit.DevKey, nil, 0, otherBuild()).Hex(), "not this build's"},
		"another's":        {h.send(testkit.DevKey, nil, 0, binding.DeployData(stranger, stranger)).Hex(), stranger.Hex()},
	} {
		h.cfg.Contract, h.cfg.Deploy = c.contract, false
		err := h.refused()
		require.True(t, fault.Is(err, fault.Fatal), "%s: %v", name, err)
		require.ErrorContains(t, err, c.refusal, name)
	}
	require.Equal(t, "0", h.ask(signedCount), "nothing was signed")
	require.Equal(t, "0", h.ask("SELECT count(*)::text FROM anchor.deployment"), "a mistyped address is not kept")
}

// The procedure of OPERATIONS.md, A journal older than the chain.
func TestAJournalRestoredFromAnOlderBackupIsRefusedUntilItHasItsOwnContract(t *testing.T) {
	t.Parallel()
	h := setup(t)
	stop := h.start()
	sold := h.sell(5)
	h.anchored(sold, nil)
	lost := h.sell(5)
	h.anchored(append(sold, lost...), nil)
	require.NoError(t, stop())
	h.exec(`
		CREATE TEMP TABLE young ON COMMIT DROP AS SELECT sale_id FROM anchor.batch_leaf WHERE batch_id > 1;
		DELETE FROM anchor.batch_leaf WHERE batch_id > 1;
		DELETE FROM anchor.leaf WHERE sale_id IN (SELECT sale_id FROM young);
		DELETE FROM anchor.announced;
		DELETE FROM anchor.batch_event WHERE batch_id > 1;
		DELETE FROM anchor.log WHERE batch_id > 1;
		DELETE FROM anchor.batch WHERE batch_id > 1`)
	err := h.refused()
	require.True(t, fault.Is(err, fault.Fatal), "%v", err)
	require.ErrorContains(t, err, "restored from an older backup")

	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	h.cfg.Replay = true
	h.start()
	for _, s := range lost { // the ledger's reconciler does so
		require.NoError(t, h.bus.PublishAll(t.Context(), messages(repeated(s, "repair"))))
	}
	all := append(sold, lost...)
	h.verify(all, h.anchored(all, func(e event.SaleAnchored) bool { return e.Contract == h.cfg.Contract }))
}

func TestANewContractTakesOnlyWhatIsNotFinalUnlessAskedFor(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	stop := h.start()
	h.anchored(h.sell(5), nil)
	h.inState(event.BatchFinal, 5)

	proxy.On("eth_getBlockByNumber", neverFinal)
	mined := h.sell(4)
	h.anchored(mined, nil)
	proxy.On("eth_sendRawTransaction", testkit.Swallow())
	sent := h.sell(3)
	h.inState(event.BatchBroadcast, 12)
	require.NoError(t, stop())
	proxy.Clear()

	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	h.start()
	all := append(append(mined, sent...), h.sell(5)...)
	h.verify(all, h.anchored(all, func(e event.SaleAnchored) bool { return e.Contract == h.cfg.Contract }))
}

func TestVariablesThatHaveDoneTheirWorkAreTold(t *testing.T) {
	t.Parallel()
	h := setup(t)
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	logs := func(what string) {
		testkit.Eventually(t, soon, what, func() error {
			if !strings.Contains(log.String(), what) {
				return errors.New("not logged")
			}
			return nil
		})
	}
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).Hex()
	stop := h.start()
	logs("anchoring at a contract")
	require.NoError(t, stop())
	h.cfg.Replay = true
	stop = h.start()
	logs("ANCHOR_REPLAY=true changes nothing")
	require.NoError(t, stop())
	require.NotContains(t, log.String(), "ANCHOR_DEPLOY", "on a development chain it may stay")

	h.ofValue(h.behind(1)[0])
	h.start()
	logs("ANCHOR_DEPLOY=true is still set")
}

// inState waits until batches of as many sales have been in a state.
func (h *house) inState(state event.BatchState, sales int) {
	h.t.Helper()
	testkit.Eventually(h.t, soon, fmt.Sprintf("%d sales are %s", sales, state), func() error {
		n := h.ask("SELECT coalesce(sum(size), 0)::text FROM anchor.batch b WHERE EXISTS (SELECT FROM anchor.batch_event e " +
			"WHERE e.deployment = b.deployment AND e.batch_id = b.batch_id AND state = '" + string(state) + "')")
		if n != strconv.Itoa(sales) {
			return errors.New(n)
		}
		return nil
	})
}

func TestIntakeGoesOnWithoutFundsAndWithoutASigner(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.BumpAfter = time.Second })
	h.cfg.Contract = h.send(testkit.DevKey, nil, 0, binding.DeployData(testkit.DevAddress, addressOf(t, newKey.Reveal()))).Hex()
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	poor := h.cfg
	h.cfg.PrivateKey, h.cfg.SignerURL = "", "http://127.0.0.1:1"
	stop := h.start()
	sold := h.sell(10)
	h.leaves(10)
	require.ErrorIs(t, stop(), context.Canceled, "the signer was still waited for")

	poor.PrivateKey = newKey
	h.cfg = poor
	h.start()
	sold = append(sold, h.sell(10)...)
	h.leaves(20)
	type status struct {
		Runway   *int64 `json:"runway_batches"`
		InFlight uint64 `json:"in_flight"`
	}
	testkit.Eventually(t, soon, "a batch is under way that nobody can pay for", func() error {
		s, err := stream.Ask[status](t.Context(), h.bus, "ops.anchor.status", struct{}{})
		if err == nil && (s.Runway == nil || *s.Runway != 0 || s.InFlight == 0) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	require.Contains(t, log.String(), "account is low")
	head := h.head()
	testkit.Eventually(t, soon, "three seconds of blocks have come, and a raise of the fee was due", func() error {
		if now := h.head(); now < head+30 {
			return fmt.Errorf("block %d", now)
		}
		return nil
	})
	require.Equal(t, "1", h.ask(signedCount), "nothing is signed that the account can't pay")
	poorAddress := addressOf(t, newKey.Reveal())
	h.send(testkit.DevKey, &poorAddress, params.Ether, nil)
	h.verify(sold, h.anchored(sold, nil))
}

// head is the height of the chain.
func (h *house) head() uint64 {
	h.t.Helper()
	node, err := ethclient.Dial(h.chain.URL())
	require.NoError(h.t, err)
	defer node.Close()
	head, err := node.BlockNumber(h.t.Context())
	require.NoError(h.t, err)
	return head
}

// leaves waits until as many leaves are journaled.
func (h *house) leaves(n int) {
	h.t.Helper()
	testkit.Eventually(h.t, soon, "all leaves are journaled", func() error {
		if got := h.ask("SELECT count(*)::text FROM anchor.leaf"); got != fmt.Sprint(n) {
			return errors.New(got)
		}
		return nil
	})
}
