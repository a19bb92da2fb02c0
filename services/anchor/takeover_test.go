package anchor_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
