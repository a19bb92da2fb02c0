package wait_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/wait"
)

func TestAPauseLastsAsLongAsItIsToldAndNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.True(t, wait.Pause(t.Context(), time.Minute))
		require.Equal(t, time.Minute, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		require.False(t, wait.Pause(ctx, time.Minute))
		require.Equal(t, time.Second, time.Since(start))
		start = time.Now()
		require.False(t, wait.Pause(ctx, time.Minute), "it has ended before")
		require.Zero(t, time.Since(start))
	})
}

func TestJitterStaysWithinAQuarterOnEitherSide(t *testing.T) {
	shorter, longer := 0, 0
	for range 200 {
		d := wait.Jitter(time.Second)
		require.GreaterOrEqual(t, d, 750*time.Millisecond)
		require.LessOrEqual(t, d, 1250*time.Millisecond)
		if d < time.Second {
			shorter++
		} else {
			longer++
		}
	}
	require.NotZero(t, shorter)
	require.NotZero(t, longer)
}
