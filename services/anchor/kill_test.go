package anchor_test

import (
	"flag"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
)

// moments are where the anchor can be cut off between an intent and its effect or an effect and its note, in the order of its
// work; see package crash.
var moments = []string{
	"deployment journaled, not sent", "transaction sent", "leaf journaled, not acknowledged", "batch sealed, not signed",
	"transaction signed, not sent", "batch sent, not journaled", "batch mined, not journaled", "batch announced, not journaled", "sales announced, not journaled",
	"batch final, not journaled",
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

// killFor is how long TestSalesFlowWhileAnchorsAreKilledInALoop goes on:
//
//	go test -run KilledInALoop ./services/anchor -kill-for 2m
var killFor = flag.Duration("kill-for", 4*time.Second, "how long anchors are killed in a loop")

const (
	flowPerSecond = 200 // sales
	flowEvery     = 50 * time.Millisecond
)

func TestSalesFlowWhileAnchorsAreKilledInALoop(t *testing.T) {
	h := setup(t)
	launch := func() *exec.Cmd {
		program := h.program()
		program.Env = append(program.Env, "ANCHOR_BATCH_MAX=1000")
		require.NoError(t, program.Start())
		return program
	}
	replicas := []*exec.Cmd{launch(), launch()}
	var sold []event.SalePriced
	kills := 0
	end := time.Now().Add(*killFor)
	flow := time.NewTicker(flowEvery)
	defer flow.Stop()
	next := time.Now()
	for started := time.Now(); time.Now().Before(end); <-flow.C {
		due := int(time.Since(started)*flowPerSecond/time.Second) - len(sold)
		sold = append(sold, h.sell(due)...)
		if time.Now().Before(next) {
			continue
		}
		next = time.Now().Add(time.Duration(rand.Int64N(int64(time.Second))) + 200*time.Millisecond)
		i := rand.IntN(len(replicas))
		require.NoError(t, replicas[i].Process.Signal(syscall.SIGKILL))
		require.Error(t, replicas[i].Wait())
		kills++
		replicas[i] = launch()
	}
	stopped := time.Now()
	h.verify(sold, h.anchored(sold, nil))
	t.Logf("%d sales in %s, %d kills, %s batches, %s transactions, caught up in %s", len(sold), *killFor, kills,
		h.ask("SELECT count(*)::text FROM anchor.batch"), h.ask("SELECT count(*)::text FROM anchor.tx_attempt"), time.Since(stopped))
	for _, replica := range replicas {
		require.NoError(t, replica.Process.Signal(syscall.SIGTERM))
		require.NoError(t, replica.Wait())
	}
}
