package merkle_test

import (
	"encoding/json"
	"math/big"
	"os"
	"strconv"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
)

func TestTreesAgreeWithOpenZeppelins(t *testing.T) {
	raw, err := os.ReadFile("testdata/trees.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			Size      int
			Root      common.Hash
			Values    [][2]string
			Leaves    []common.Hash
			LeafIndex []int `json:"leaf_index"`
			Proofs    map[string][]common.Hash
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		leaves := make([]common.Hash, v.Size)
		for i, value := range v.Values {
			wei, ok := new(big.Int).SetString(value[1], 10)
			require.True(t, ok)
			leaves[i], err = merkle.Leaf(common.HexToHash(value[0]), wei)
			require.NoError(t, err)
		}
		require.Equal(t, v.Leaves, leaves)
		tree, err := merkle.Build(leaves)
		require.NoError(t, err)
		require.Equal(t, v.Root, tree.Root())
		for i, leaf := range leaves {
			index, found := tree.Index(leaf)
			require.True(t, found)
			require.Equal(t, v.LeafIndex[i], index)
		}
		for key, proof := range v.Proofs {
			i, err := strconv.Atoi(key)
			require.NoError(t, err)
			require.Equal(t, len(proof), len(tree.Proof(v.LeafIndex[i])))
			for k, sibling := range tree.Proof(v.LeafIndex[i]) {
				require.Equal(t, proof[k], sibling)
			}
		}
	}
}

func TestEveryLeafProvesAndNothingElseDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) common.Hash {
			return common.BytesToHash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "leaf"))
		}), 1, 80).Draw(t, "leaves")
		tree, err := merkle.Build(leaves)
		require.NoError(t, err)
		for _, leaf := range leaves {
			index, found := tree.Index(leaf)
			require.True(t, found)
			proof := tree.Proof(index)
			require.True(t, merkle.Verify(tree.Root(), leaf, proof))
			other := leaf
			other[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
			require.False(t, merkle.Verify(tree.Root(), other, proof))
			if len(proof) > 0 {
				require.False(t, merkle.Verify(tree.Root(), leaf, proof[1:]))
			}
		}
		shuffled := rapid.Permutation(leaves).Draw(t, "shuffled")
		again, err := merkle.Build(shuffled)
		require.NoError(t, err)
		require.Equal(t, tree.Root(), again.Root())
	})
}

func TestAnEmptyTreeAndAnAmountBeyondUint256AreRefused(t *testing.T) {
	_, err := merkle.Build(nil)
	require.True(t, fault.Is(err, fault.Invalid))
	for _, wei := range []*big.Int{nil, big.NewInt(-1), new(big.Int).Lsh(big.NewInt(1), 256)} {
		_, err = merkle.Leaf(common.Hash{1}, wei)
		require.True(t, fault.Is(err, fault.Invalid))
	}
	tree, err := merkle.Build([]common.Hash{{2}, {1}})
	require.NoError(t, err)
	_, found := tree.Index(common.Hash{3})
	require.False(t, found)
}

func BenchmarkBuild65536(b *testing.B) {
	leaves := make([]common.Hash, 65_536)
	for b.Loop() {
		for i := range leaves {
			leaves[i], _ = merkle.Leaf(common.BigToHash(big.NewInt(int64(i))), big.NewInt(int64(i)))
		}
		if _, err := merkle.Build(leaves); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProofs65536(b *testing.B) {
	leaves := make([]common.Hash, 65_536)
	for i := range leaves {
		leaves[i], _ = merkle.Leaf(common.BigToHash(big.NewInt(int64(i))), big.NewInt(int64(i)))
	}
	tree, _ := merkle.Build(leaves)
	for b.Loop() {
		for i := range leaves {
			tree.Proof(i)
		}
	}
}
