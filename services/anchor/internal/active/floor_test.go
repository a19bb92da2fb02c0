package active

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/journal"
)

func TestTheSearchForWaitingLeavesFollowsAtADistance(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	later := func() time.Time { at = at.Add(lowSeqRotation); return at }
	f := floor{low: 10, next: 10}
	f.move(journal.Floor{Highest: 100}, at)
	require.Equal(t, int64(10), f.low)
	f.move(journal.Floor{Highest: 200}, at.Add(lowSeqRotation-time.Second))
	require.Equal(t, int64(10), f.low, "too soon: a leaf below may still appear")
	f.move(journal.Floor{Highest: 300}, later())
	require.Equal(t, int64(10), f.low, "what was the highest at the start was not known")
	f.move(journal.Floor{Highest: 400}, later())
	require.Equal(t, int64(300), f.low, "what was the highest a rotation ago is visible by now, and nothing waits")
	f.move(journal.Floor{LowestWaiting: 350, Highest: 500}, later())
	require.Equal(t, int64(349), f.low, "one waits")
	f.move(journal.Floor{LowestWaiting: 350, Highest: 600}, later())
	require.Equal(t, int64(349), f.low, "for long")
	f.move(journal.Floor{LowestWaiting: 590, Highest: 700}, later())
	require.Equal(t, int64(589), f.low)
}
