package chain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestANightWithoutBlocksDoesNotChangeTheUsualBlockTime(t *testing.T) {
	newest := uint64(1_800_000_000)
	steady, rested := []uint64{newest}, []uint64{newest}
	for i := range uint64(blockGaps) {
		steady = append(steady, steady[i]-12)
		pause := uint64(12)
		if i == 3 {
			pause = 10 * 60 * 60
		}
		rested = append(rested, rested[i]-pause)
	}
	require.Equal(t, 12*time.Second, medianGap(steady))
	require.Equal(t, 12*time.Second, medianGap(rested))
}
