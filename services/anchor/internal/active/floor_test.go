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
	f.move(journal.Floor{Highest: 100}, true, at)
	require.Equal(t, int64(10), f.low)
	f.move(journal.Floor{Highest: 200}, true, at.Add(lowSeqRotation-time.Second))
	require.Equal(t, int64(10), f.low, "too soon: a leaf below may still appear")
	f.move(journal.Floor{Highest: 300}, true, later())
	require.Equal(t, int64(10), f.low, "what was the highest at the start was not known")
	f.move(journal.Floor{Highest: 400}, true, later())
	require.Equal(t, int64(300), f.low, "what was the highest a rotation ago is visible by now, and nothing waits")
	f.move(journal.Floor{LowestWaiting: 350, Highest: 500}, true, later())
	require.Equal(t, int64(349), f.low, "one waits")
	f.move(journal.Floor{LowestWaiting: 350, Highest: 600}, true, later())
	require.Equal(t, int64(349), f.low, "for long")
	f.move(journal.Floor{LowestWaiting: 590, Highest: 700}, true, later())
	require.Equal(t, int64(589), f.low)
}

func TestMostLooksSearchOnlyAboveWhatWasFoundInBatches(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	f := floor{low: 10, next: 10}
	from, whole := f.start(at)
	require.Equal(t, int64(10), from)
	require.True(t, whole)
	f.move(journal.Floor{LowestWaiting: 60, Highest: 100}, whole, at)
	from, whole = f.start(at.Add(searchAll - time.Second))
	require.Equal(t, int64(59), from)
	require.False(t, whole)
	f.move(journal.Floor{Highest: 120}, whole, at.Add(lowSeqRotation))
	require.Equal(t, int64(10), f.low, "a check that began higher up shows nothing of what is below")
	from, _ = f.start(at.Add(searchAll - time.Second))
	require.Equal(t, int64(120), from)
	from, whole = f.start(at.Add(searchAll))
	require.Equal(t, int64(10), from, "a leaf below may have become visible")
	require.True(t, whole)
}
