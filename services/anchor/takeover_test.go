package anchor_test

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/testkit"
)

// actives counts the anchors that report to be active.
func actives(t *testing.T, gauges ...func(string) (int64, error)) (n int64) {
	t.Helper()
	for _, gauge := range gauges {
		active, err := gauge("active")
		require.NoError(t, err)
		n += active
	}
	return n
}

func TestTwoAnchorsOneActs(t *testing.T) {
	h := setup(t)
	stop, first := h.startMeasured()
	sold := h.sell(20)
	h.anchored(sold, nil)
	_, second := h.startMeasured()
	testkit.Eventually(t, soon, "the second knows the journal", func() error {
		_, err := second("active")
		return err
	})
	sold = append(sold, h.sell(20)...)
	h.anchored(sold, nil)
	require.Equal(t, int64(1), actives(t, first, second))
	require.Equal(t, "1", h.ask("SELECT epoch::text FROM anchor.lease"))
	require.NoError(t, stop())
	sold = append(sold, h.sell(20)...)
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, int64(1), actives(t, second))
	require.Equal(t, "2", h.ask("SELECT epoch::text FROM anchor.lease"))
}

func TestAnotherAnchorTakesOverFromOneThatWasKilled(t *testing.T) {
	h := setup(t)
	active := h.program()
	require.NoError(t, active.Start())
	sold := h.sell(5)
	h.anchored(sold, nil)
	_, standby := h.startMeasured()
	testkit.Eventually(t, soon, "the other stands by", func() error {
		_, err := standby("active")
		return err
	})
	require.Zero(t, actives(t, standby))
	h.takeOver(active)
	sold = append(sold, h.sell(5)...)
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, int64(1), actives(t, standby))
}

// inEpoch waits until the lease was taken as often; an anchor that can do nothing holds it for half a minute.
func (h *house) inEpoch(epoch int) {
	h.t.Helper()
	testkit.Eventually(h.t, 3*soon, "the lease is taken again", func() error {
		if now := h.ask("SELECT epoch::text FROM anchor.lease"); now != strconv.Itoa(epoch) {
			return errors.New(now)
		}
		return nil
	})
}

func TestAnAnchorWithoutAChainLeavesItToOneThatHasIt(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ends := h.cfg.Provider
	proxy := h.behind(1)[0]
	h.start()
	sold := h.sell(5)
	h.anchored(sold, nil)
	h.cfg.Provider = ends
	_, standby := h.startMeasured()
	testkit.Eventually(t, soon, "the other stands by", func() error {
		_, err := standby("active")
		return err
	})
	proxy.On("*", testkit.Lose())
	sold = append(sold, h.sell(5)...)
	h.inEpoch(2)
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, int64(1), actives(t, standby))
}

// takeOver kills the active anchor and waits until another has the lease.
func (h *house) takeOver(active *exec.Cmd) {
	h.t.Helper()
	epoch := h.ask("SELECT epoch::text FROM anchor.lease")
	require.NoError(h.t, active.Process.Signal(syscall.SIGKILL))
	require.Error(h.t, active.Wait())
	testkit.Eventually(h.t, soon, "another anchor takes over", func() error {
		if h.ask("SELECT epoch::text FROM anchor.lease") == epoch {
			return errors.New("not yet")
		}
		return nil
	})
}

// BenchmarkTakeover measures from the active anchor's death until another acts; 10 s are promised:
//
//	go test -run - -bench Takeover ./services/anchor
func BenchmarkTakeover(b *testing.B) {
	h := setup(b)
	active := h.program()
	require.NoError(b, active.Start())
	h.anchored(h.sell(5), nil)
	for b.Loop() {
		b.StopTimer()
		next := h.program()
		log := new(testkit.Log)
		next.Stderr = log
		require.NoError(b, next.Start())
		testkit.Eventually(b, soon, "it stands by", func() error {
			if !strings.Contains(log.String(), "standing by") {
				return errors.New("not yet")
			}
			return nil
		})
		b.StartTimer()
		h.takeOver(active)
		active = next
	}
	require.NoError(b, active.Process.Signal(syscall.SIGTERM))
	require.NoError(b, active.Wait())
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

// Between one anchor's reading of the journal and of the chain another takes the lease, seals a batch and has it mined.
func TestAnAnchorThatWasOvertakenDoesNotTakeItForAnotherJournal(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	ended := h.run()
	sold := h.sell(1)
	contract := common.HexToAddress(h.anchored(sold, nil)[sold[0].SaleID].Contract)
	j, err := journal.Open(t.Context(), h.cfg.DBURL)
	require.NoError(t, err)
	defer j.Close()
	var overtaken sync.Once
	overtake := func() {
		h.exec("UPDATE anchor.lease SET epoch = epoch + 1")
		epoch, err := strconv.ParseInt(h.ask("SELECT epoch::text FROM anchor.lease"), 10, 64)
		require.NoError(t, err)
		other := journal.Scope{Deployment: 1, Epoch: epoch}
		e := priced(1)
		h.commit(e)
		amountWei, err := money.ParseWei(e.AmountWei)
		require.NoError(t, err)
		_, err = j.AddLeaves(t.Context(), []journal.Leaf{{
			SaleID: uuid.MustParse(e.SaleID), StoreID: e.StoreID, SaleHash: e.SaleHash, AmountWei: amountWei,
			Rate: e.Rate,
		}})
		require.NoError(t, err)
		_, err = j.Seal(t.Context(), other, 2, 1)
		require.NoError(t, err)
		root := common.HexToHash(h.ask("SELECT encode(root, 'hex') FROM anchor.batch WHERE batch_id = 2"))
		h.send(testkit.DevKey, &contract, 0, binding.NewSaleAnchor().PackAnchor(2, root, 1))
	}
	done := make(chan struct{})
	proxy.On("eth_getBlockByNumber", func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		if string(call.Params[0]) == `"latest"` {
			overtaken.Do(func() { defer close(done); overtake() })
		}
		return next(call)
	})
	<-done
	proxy.Clear()
	sold = append(sold, h.sell(1)...)
	h.anchored(sold, nil)
	select {
	case err := <-ended:
		t.Fatal(err)
	default:
	}
}
