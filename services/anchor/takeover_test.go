package anchor_test

import (
	"context"
	"math/big"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/testkit"
)

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

// Between its look at the journal and its look at the chain another anchor takes the lease, seals a batch and has it mined.
func TestAnAnchorThatWasOvertakenDoesNotTakeItForAnotherJournal(t *testing.T) {
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
		_, err = j.AddLeaves(t.Context(), []journal.Leaf{{SaleID: uuid.MustParse(e.SaleID), StoreID: e.StoreID, SaleHash: e.SaleHash, AmountWei: big.NewInt(1), Rate: e.Rate}})
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
