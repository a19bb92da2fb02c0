package batchlog_test

import (
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/proof"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/fault"
)

// vectors is testdata/log.json, made with third-party code; the contract's tests read the same file.
type vectors struct {
	Batches []struct {
		ID   string `json:"batch_id"`
		Root common.Hash
		Size string
	}
	Entries, Roots []common.Hash
	Inclusion      []struct {
		BatchID string `json:"batch_id"`
		LogSize string `json:"log_size"`
		Path    []common.Hash
	}
	Consistency []struct {
		From, To string
		Proof    []common.Hash
	}
}

func number(t require.TestingT, text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return n
}

func readVectors(t *testing.T) (v vectors, batches []batchlog.Batch) {
	t.Helper()
	raw, err := os.ReadFile("testdata/log.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &v))
	for _, b := range v.Batches {
		batches = append(batches, batchlog.Batch{ID: number(t, b.ID), Root: b.Root, Size: uint32(number(t, b.Size))})
	}
	require.NotEmpty(t, batches)
	require.NotEmpty(t, v.Inclusion)
	require.NotEmpty(t, v.Consistency)
	return v, batches
}

// grow appends batches to an empty log and keeps their rows.
func grow(t require.TestingT, batches []batchlog.Batch) (*batchlog.Log, map[uint64]batchlog.Row) {
	log, rows := batchlog.New(), map[uint64]batchlog.Row{}
	for _, b := range batches {
		row, err := log.Append(b)
		require.NoError(t, err)
		rows[b.ID] = row
	}
	return log, rows
}

func TestTheLogAgreesWithTheVectors(t *testing.T) {
	v, batches := readVectors(t)
	log, rows := batchlog.New(), map[uint64]batchlog.Row{}
	require.Equal(t, common.Hash{}, log.Root(), "as the contract has it")
	for i, b := range batches {
		require.Equal(t, v.Entries[i], b.Entry())
		row, err := log.Append(b)
		require.NoError(t, err)
		rows[b.ID] = row
		require.Equal(t, v.Roots[i], log.Root(), "of %d batches", b.ID)
	}
	for _, want := range v.Inclusion {
		id, size := number(t, want.BatchID), number(t, want.LogSize)
		got, err := batchlog.Include(id, size, rows)
		require.NoError(t, err)
		require.Equal(t, batchlog.Included{Size: size, Root: v.Roots[size-1], Path: append([]common.Hash{}, want.Path...)}, got)
		require.True(t, batchlog.Verify(batches[id-1], got))
	}
	for _, c := range v.Consistency {
		from, to := number(t, c.From), number(t, c.To)
		path := make([][]byte, len(c.Proof))
		for i := range c.Proof {
			path[i] = c.Proof[i][:]
		}
		require.NoError(t, proof.VerifyConsistency(batchlog.Hasher{}, from, to, path, v.Roots[from-1][:], v.Roots[to-1][:]))
	}
}

// plainRoot is the definition of RFC 9162 section 2.1.1, word by word.
func plainRoot(entries []common.Hash) common.Hash {
	if len(entries) == 1 {
		return entries[0]
	}
	k := split(len(entries))
	left, right := plainRoot(entries[:k]), plainRoot(entries[k:])
	return common.BytesToHash(batchlog.Hasher{}.HashChildren(left[:], right[:]))
}

// plainPath is the definition of RFC 9162 section 2.1.3.1, word by word.
func plainPath(m int, entries []common.Hash) []common.Hash {
	if len(entries) == 1 {
		return []common.Hash{}
	}
	k := split(len(entries))
	if m < k {
		return append(plainPath(m, entries[:k]), plainRoot(entries[k:]))
	}
	return append(plainPath(m-k, entries[k:]), plainRoot(entries[:k]))
}

// split is the largest power of two below n.
func split(n int) int {
	k := 1
	for k<<1 < n {
		k <<= 1
	}
	return k
}

func TestTheLogIsThePlainDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batches := make([]batchlog.Batch, rapid.IntRange(1, 150).Draw(t, "batches"))
		entries := make([]common.Hash, len(batches))
		for i := range batches {
			root := common.BigToHash(new(big.Int).SetUint64(rapid.Uint64().Draw(t, "root")))
			batches[i] = batchlog.Batch{ID: uint64(i + 1), Root: root, Size: rapid.Uint32().Draw(t, "size of a batch")}
			entries[i] = batches[i].Entry()
		}
		log, rows := grow(t, batches)
		require.Equal(t, plainRoot(entries), log.Root())

		size := rapid.IntRange(1, len(batches)).Draw(t, "size")
		id := rapid.IntRange(1, size).Draw(t, "batch")
		needed := map[uint64]batchlog.Row{}
		for _, of := range batchlog.RowsOf(uint64(id), uint64(size)) {
			raw := rows[of].Bytes()
			row, err := batchlog.ParseRow(of, raw)
			require.NoError(t, err)
			require.NotContains(t, needed, of, "a row is asked for once")
			needed[of] = row
		}
		got, err := batchlog.Include(uint64(id), uint64(size), needed)
		require.NoError(t, err)
		require.Equal(t, plainRoot(entries[:size]), got.Root)
		require.Equal(t, plainPath(id-1, entries[:size]), got.Path)
		require.True(t, batchlog.Verify(batches[id-1], got))

		again, err := batchlog.After(uint64(size), rows[uint64(size)])
		require.NoError(t, err)
		for _, b := range batches[size:] {
			row, err := again.Append(b)
			require.NoError(t, err)
			require.Equal(t, rows[b.ID], row, "a log goes on from its last row as if it had never been put away")
		}
		require.Equal(t, log.Root(), again.Root())
	})
}

func TestNothingElseVerifies(t *testing.T) {
	_, batches := readVectors(t)
	_, rows := grow(t, batches)
	for size := uint64(1); size <= 12; size++ {
		for id := uint64(1); id <= size; id++ {
			b := batches[id-1]
			in, err := batchlog.Include(id, size, rows)
			require.NoError(t, err)
			require.True(t, batchlog.Verify(b, in))
			refused := func(what string, b batchlog.Batch, in batchlog.Included) {
				t.Helper()
				require.False(t, batchlog.Verify(b, in), "batch %d in a log of %d: %s", id, size, what)
			}
			refused("another size", batchlog.Batch{ID: id, Root: b.Root, Size: b.Size + 1}, in)
			refused("another root", batchlog.Batch{ID: id, Root: common.Hash{1}, Size: b.Size}, in)
			refused("another batch", batchlog.Batch{ID: id + 1, Root: b.Root, Size: b.Size}, in)
			refused("batch 0", batchlog.Batch{Root: b.Root, Size: b.Size}, in)
			refused("another log root", b, batchlog.Included{Size: in.Size, Root: common.Hash{1}, Path: in.Path})
			refused("a longer path", b, batchlog.Included{Size: in.Size, Root: in.Root, Path: append(slices.Clip(in.Path), common.Hash{})})
			for i := range in.Path {
				other := append([]common.Hash{}, in.Path...)
				other[i][31] ^= 1
				refused("another sibling", b, batchlog.Included{Size: in.Size, Root: in.Root, Path: other})
			}
			if len(in.Path) > 0 {
				refused("a shorter path", b, batchlog.Included{Size: in.Size, Root: in.Root, Path: in.Path[1:]})
			}
		}
	}
}

func TestWhatTheLogDoesNotHaveIsInvalid(t *testing.T) {
	_, batches := readVectors(t)
	_, rows := grow(t, batches)
	invalid := func(err error) {
		t.Helper()
		require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	}
	for _, at := range [][2]uint64{{0, 0}, {0, 5}, {6, 5}, {1, 0}, {71, 71}} {
		_, err := batchlog.Include(at[0], at[1], rows)
		invalid(err)
	}
	require.Empty(t, batchlog.RowsOf(0, 5))
	require.Empty(t, batchlog.RowsOf(6, 5))
	missing := map[uint64]batchlog.Row{5: rows[5]}
	_, err := batchlog.Include(1, 5, missing)
	invalid(err)
	_, err = batchlog.After(5, rows[6])
	invalid(err)
	_, err = batchlog.After(0, nil)
	invalid(err)
	_, err = batchlog.ParseRow(5, append(rows[5].Bytes(), 0))
	invalid(err)
	_, err = batchlog.ParseRow(5, rows[5].Bytes()[:32])
	invalid(err)
	log := batchlog.New()
	for _, id := range []uint64{0, 2} {
		_, err = log.Append(batchlog.Batch{ID: id, Root: common.Hash{1}, Size: 1})
		invalid(err)
	}
	require.Zero(t, log.Size())
}

// A million batches are ten years of one every five minutes.
func TestAPathOfAMillionBatchesTakesFewRows(t *testing.T) {
	const million, most = 1 << 20, 21
	widest := 0
	for _, size := range []uint64{1_000_000, million, million - 1, million/2 + 1, 999_999} {
		for id := uint64(1); id <= size; id += 97 {
			widest = max(widest, len(batchlog.RowsOf(id, size)))
		}
		widest = max(widest, len(batchlog.RowsOf(size, size)))
	}
	require.LessOrEqual(t, widest, most)
}

func BenchmarkPathInAMillion(b *testing.B) {
	const million = 1_000_000
	log, rows := batchlog.New(), make(map[uint64]batchlog.Row, million)
	for id := uint64(1); id <= million; id++ {
		row, err := log.Append(batchlog.Batch{ID: id, Root: common.Hash{1}, Size: 1})
		require.NoError(b, err)
		rows[id] = row
	}
	for i := uint64(0); b.Loop(); i++ {
		_, err := batchlog.Include(i*7919%million+1, million, rows)
		require.NoError(b, err)
	}
}
