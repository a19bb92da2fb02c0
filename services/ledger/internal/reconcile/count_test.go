package reconcile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// However long a count takes, what is shown is five seconds old at most: the pause after it and the time that the next may take.
func TestACountIsNeverOlderThanFiveSeconds(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: countEvery, countEvery / countShare: countEvery, 250 * time.Millisecond: 2500 * time.Millisecond, time.Second: countLongest, countTimeout: countLongest,
	} {
		require.Equal(t, want, restAfter(took), "%s", took)
	}
	require.LessOrEqual(t, countLongest+countTimeout, 5*time.Second)
}
