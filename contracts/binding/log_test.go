package binding_test

import (
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
)

// logFile is testdata/log.json, as far as these tests read it.
type logFile struct {
	Batches []struct {
		BatchID uint64      `json:"batch_id,string"`
		Root    common.Hash `json:"root"`
		Size    uint32      `json:"size,string"`
	} `json:"batches"`
	Roots     []common.Hash `json:"roots"`
	Inclusion []struct {
		BatchID uint64        `json:"batch_id,string"`
		LogSize uint64        `json:"log_size,string"`
		Path    []common.Hash `json:"path"`
	} `json:"inclusion"`
}

// The log is read through the binding as it was written through it; contracts/test has every size and path of the file.
func TestTheLogOfTheVectorsStandsOnTheChain(t *testing.T) {
	const batches = 9
	data, err := os.ReadFile("../testdata/log.json")
	require.NoError(t, err)
	var file logFile
	require.NoError(t, json.Unmarshal(data, &file))

	shop := setup(t)
	for i, batch := range file.Batches[:batches] {
		shop.send(shop.abi.PackAnchor(batch.BatchID, batch.Root, batch.Size))
		logRoot, err := shop.abi.UnpackLogRoot(shop.call(shop.abi.PackLogRoot()))
		require.NoError(t, err)
		require.Equal(t, file.Roots[i], common.Hash(logRoot))
	}
	verified := 0
	for _, path := range file.Inclusion {
		batch := file.Batches[path.BatchID-1]
		contained := shop.contains(batch.BatchID, batch.Root, batch.Size, path.Path...)
		require.Equal(t, path.LogSize == batches, contained, "batch %d in the log of %d", path.BatchID, path.LogSize)
		if contained {
			verified++
		}
	}
	require.NotZero(t, verified)
}

// entry is a batch as RFC 9162 section 2.1.1 hashes an entry.
func entry(id uint64, root common.Hash, size uint32) common.Hash {
	return crypto.Keccak256Hash(
		[]byte{0}, common.BigToHash(new(big.Int).SetUint64(id)).Bytes(), root.Bytes(), common.BigToHash(big.NewInt(int64(size))).Bytes())
}

// pathOf is PATH(m, D_n) of RFC 9162 section 2.1.3.1, from the entries' hashes.
func pathOf(m int, entries []common.Hash) []common.Hash {
	if len(entries) == 1 {
		return nil
	}
	k := split(entries)
	if m < k {
		return append(pathOf(m, entries[:k]), rootOf(entries[k:]))
	}
	return append(pathOf(m-k, entries[k:]), rootOf(entries[:k]))
}

// rootOf is MTH(D_n) of section 2.1.1.
func rootOf(entries []common.Hash) common.Hash {
	if len(entries) == 1 {
		return entries[0]
	}
	k := split(entries)
	left, right := rootOf(entries[:k]), rootOf(entries[k:])
	return crypto.Keccak256Hash([]byte{1}, left.Bytes(), right.Bytes())
}

// split is the largest power of two below their number.
func split(entries []common.Hash) int {
	k := 1
	for 2*k < len(entries) {
		k *= 2
	}
	return k
}
