package active

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
)

func TestALeaseIsLeftOnlyAfterHalfAMinuteWithoutUse(t *testing.T) {
	a := Anchor{Log: slog.New(slog.DiscardHandler)}
	passing := fault.New(fault.Transient, "the signer is away")
	a.fruitful = time.Now()
	require.NoError(t, a.persist(t.Context(), passing))

	a.fruitful = time.Now().Add(-fruitless)
	err := a.persist(t.Context(), passing)
	require.ErrorIs(t, err, errFruitless)
	require.ErrorIs(t, err, passing, "the log says what was away")
	fatal := fault.New(fault.Fatal, "another root")
	for range haltLooks - 1 {
		require.NoError(t, a.persist(t.Context(), fatal), "the next look may show it otherwise")
	}
	require.Equal(t, fatal, a.persist(t.Context(), fatal), "what stops the anchor still does")

	require.NoError(t, a.persist(t.Context(), nil), "an act that came to its end begins the time anew")
	require.NoError(t, a.persist(t.Context(), passing))
	require.Greater(t, stayAway, 2*standbyRetry, "a standby is there first")
}
