package anchor_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAnotherFinalityIsAnnouncedOnlyOfWhatHasNotReachedIt(t *testing.T) {
	t.Parallel()
	h := setup(t)
	announced := func() uint64 {
		t.Helper()
		s, err := h.bus.JS.Stream(t.Context(), stream.SalesAnchored)
		require.NoError(t, err)
		return s.CachedInfo().State.Msgs
	}
	// Events are announced and marked in their order: once the new sales were, everything due of older batches was.
	sell := func(n int, finality string) (stop func() error) {
		t.Helper()
		h.cfg.Finality = finality
		stop = h.start()
		h.anchored(h.sell(n), func(e event.SaleAnchored) bool { return e.Finality == finality })
		testkit.Eventually(t, soon, "that is marked", func() error {
			marked := h.ask(`SELECT count(*)::text FROM anchor.announced a JOIN anchor.batch_event e ON e.id = a.event_id
				WHERE a.what = 'sales' AND e.batch_id = (SELECT max(batch_id) FROM anchor.batch)`)
			if marked != "1" {
				return errors.New(marked)
			}
			return nil
		})
		return stop
	}
	require.NoError(t, sell(20, "finalized")())
	require.Equal(t, uint64(20), announced())
	require.NoError(t, sell(7, "latest")())
	require.Equal(t, uint64(20+7), announced(), "what was announced as final is not announced as mined")
	require.NoError(t, sell(3, "finalized")())
	require.Equal(t, uint64(20+7+7+3), announced(), "what was announced as mined is announced as final")
	require.NoError(t, sell(1, "latest")())
	require.Equal(t, uint64(20+7+7+3+1), announced())
}
