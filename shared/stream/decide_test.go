package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheBreakerOpensAfterBatchesOfWhichNothingWasDone(t *testing.T) {
	var k breaker
	require.False(t, k.saw(0, 5))
	require.False(t, k.saw(0, 5))
	require.False(t, k.saw(1, 4), "one was done: the dependency is there")
	for range breakerAfter - 1 {
		require.False(t, k.saw(0, 5))
		require.False(t, k.open())
	}
	require.True(t, k.saw(0, 5))
	require.True(t, k.open())
	require.Equal(t, breakerFirst, k.pause)
	for pause := 2 * breakerFirst; pause < breakerLongest; pause *= 2 {
		require.True(t, k.saw(0, 1))
		require.Equal(t, pause, k.pause)
	}
	for range 3 {
		require.True(t, k.saw(0, 1))
		require.Equal(t, breakerLongest, k.pause)
	}
	require.True(t, k.saw(1, 15), "a probe came through")
	require.False(t, k.open())
	require.False(t, k.saw(0, 5), "it counts from the start again")
}

func TestABatchThatWasParkedAsAWholeTellsNothingAgainstTheDependency(t *testing.T) {
	var k breaker
	for range 2 * breakerAfter {
		require.False(t, k.saw(0, 0))
	}
}

func TestSilenceIsMessagesThatWaitWhileSomebodyAsks(t *testing.T) {
	before := look{pending: 5, delivered: 100, received: 40}
	for name, c := range map[string]struct {
		change func(*look)
		silent bool
	}{
		"nothing moves":              {func(*look) {}, true},
		"more came":                  {func(l *look) { l.pending = 9 }, true},
		"nothing waits":              {func(l *look) { l.pending = 0 }, false},
		"another replica got some":   {func(l *look) { l.delivered++ }, false},
		"this one got some":          {func(l *look) { l.received++ }, false},
		"this one is at work":        {func(l *look) { l.busy = true }, false},
		"an operator paused it":      {func(l *look) { l.paused = true }, false},
		"all that may be is pending": {func(l *look) { l.ackPending = maxAckPending }, false},
	} {
		now := before
		c.change(&now)
		require.Equal(t, c.silent, silent(before, now), name)
	}
	require.False(t, silent(look{delivered: 100, received: 40}, before), "they came just now")
	require.False(t, silent(look{pending: 5, delivered: 100, received: 40, busy: true}, before), "it was at work until just now")
}

func TestAPauseIsSpreadAroundItsLength(t *testing.T) {
	for range 1000 {
		d := jitter(time.Second)
		require.GreaterOrEqual(t, d, 750*time.Millisecond)
		require.LessOrEqual(t, d, 1250*time.Millisecond)
	}
}
