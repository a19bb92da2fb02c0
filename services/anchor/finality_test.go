package anchor_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAnotherFinalityIsSaidOfWhatHasNotReachedItOnly(t *testing.T) {
	t.Parallel()
	h := setup(t)
	said := func() uint64 {
		t.Helper()
		s, err := h.bus.JS.Stream(t.Context(), stream.SalesAnchored)
		require.NoError(t, err)
		return s.CachedInfo().State.Msgs
	}
	// Events are said and noted in their order: once the new sales were, all that was to be said of older batches was.
	sell := func(n int, finality string) (stop func() error) {
		t.Helper()
		h.cfg.Finality = finality
		stop = h.start()
		h.anchored(h.sell(n), func(e event.SaleAnchored) bool { return e.Finality == finality })
		testkit.Eventually(t, soon, "that is noted", func() error {
			noted := h.ask(`SELECT count(*)::text FROM anchor.announced a JOIN anchor.batch_event e ON e.id = a.event_id
				WHERE a.what = 'sales' AND e.batch_id = (SELECT max(batch_id) FROM anchor.batch)`)
			if noted != "1" {
				return errors.New(noted)
			}
			return nil
		})
		return stop
	}
	require.NoError(t, sell(20, "finalized")())
	require.Equal(t, uint64(20), said())
	require.NoError(t, sell(7, "latest")())
	require.Equal(t, uint64(20+7), said(), "what was said as final is not said as mined")
	require.NoError(t, sell(3, "finalized")())
	require.Equal(t, uint64(20+7+7+3), said(), "what was said as mined is said as final")
	require.NoError(t, sell(1, "latest")())
	require.Equal(t, uint64(20+7+7+3+1), said())
}
