package read

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/merkle"
)

func TestTheForestHoldsOnlySoManyLeaves(t *testing.T) {
	f := newForest(10)
	for batch := range int64(5) {
		tree, err := merkle.Build(make([]common.Hash, 4))
		require.NoError(t, err)
		f.put(batchKey{1, batch}, tree)
		f.put(batchKey{1, batch}, tree)
		require.LessOrEqual(t, f.leaves, 10)
	}
	_, kept := f.get(batchKey{1, 4})
	require.True(t, kept)
	_, kept = f.get(batchKey{1, 2})
	require.False(t, kept, "the one that was asked for the longest ago went")
	huge, err := merkle.Build(make([]common.Hash, 11))
	require.NoError(t, err)
	f.put(batchKey{2, 1}, huge)
	require.Equal(t, 8, f.leaves)
}
