package active

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/fault"
)

func TestALeaseIsLeftOnlyAfterHalfAMinuteWithoutUse(t *testing.T) {
	a, _ := process()
	lease := a.begin(&journal.Lease{Epoch: 1})
	passing := fault.New(fault.Transient, "the signer does not answer")
	require.NoError(t, lease.persist(t.Context(), passing))

	lease.fruitful = time.Now().Add(-fruitless)
	err := lease.persist(t.Context(), passing)
	require.ErrorIs(t, err, errFruitless)
	require.ErrorIs(t, err, passing, "the log has the cause")
	fatal := fault.New(fault.Fatal, "another root")
	for range haltChecks - 1 {
		require.NoError(t, lease.persist(t.Context(), fatal), "the next check may show otherwise")
	}
	require.Equal(t, fatal, lease.persist(t.Context(), fatal), "what stops the anchor still does")

	require.NoError(t, lease.persist(t.Context(), nil), "a completed step restarts the clock")
	require.NoError(t, lease.persist(t.Context(), passing))
	require.Greater(t, stayAway, 2*standbyRetry, "a standby is there first")
}

func TestChecksThatLeadToAStopAreCountedOverLeases(t *testing.T) {
	a, _ := process()
	fatal := fault.New(fault.Fatal, "another root")
	for epoch := range int64(haltChecks - 1) {
		lease := a.begin(&journal.Lease{Epoch: epoch + 1})
		require.NoError(t, lease.persist(t.Context(), fatal))
		lease.end()
	}
	require.Equal(t, fatal, a.begin(&journal.Lease{Epoch: haltChecks}).persist(t.Context(), fatal))
}
