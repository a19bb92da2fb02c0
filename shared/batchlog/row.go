package batchlog

import (
	"math/bits"

	"github.com/ethereum/go-ethereum/common"
	"github.com/transparency-dev/merkle/compact"

	"github.com/tillseal/tillseal/shared/fault"
)

// Row is what is kept with batch n: first the nodes that n completes, one of each height from the entry up; then the peaks to their
// left in the log of n batches, from the lowest up. A node of the tree is thus found with the batch that completed it, and all peaks
// of a log with its last batch: at most one row for each height of the tree, and one more, make any path.
type Row []common.Hash

// made is how many nodes a batch completes.
func made(batchID uint64) int { return bits.TrailingZeros64(batchID) + 1 }

// check refuses a row that can't be a batch's.
func (r Row) check(batchID uint64) error {
	if want := made(batchID) + bits.OnesCount64(batchID) - 1; batchID == 0 || len(r) != want {
		return fault.New(fault.Invalid, "the log's row of batch %d has %d hashes instead of %d", batchID, len(r), want)
	}
	return nil
}

// peaks lists the peaks of the log of n batches from the highest down, as a compact range has them.
func (r Row) peaks(batchID uint64) [][]byte {
	var all [][]byte
	for i := len(r) - 1; i >= made(batchID)-1; i-- {
		all = append(all, r[i][:])
	}
	return all
}

// Bytes writes a row as it is kept, 32 bytes a hash.
func (r Row) Bytes() []byte {
	all := make([]byte, 0, len(r)*common.HashLength)
	for _, hash := range r {
		all = append(all, hash[:]...)
	}
	return all
}

// ParseRow reads what Bytes wrote for a batch. Another length is Invalid.
func ParseRow(batchID uint64, raw []byte) (Row, error) {
	row := make(Row, 0, len(raw)/common.HashLength)
	for ; len(raw) >= common.HashLength; raw = raw[common.HashLength:] {
		row = append(row, common.BytesToHash(raw[:common.HashLength]))
	}
	if len(raw) > 0 {
		return nil, fault.New(fault.Invalid, "the log's row of batch %d is not a multiple of %d bytes", batchID, common.HashLength)
	}
	return row, row.check(batchID)
}

// RowsOf lists the batches whose rows Include needs; none for a batch that a log of the size does not have.
func RowsOf(batchID, size uint64) []uint64 {
	nodes, err := inclusion(batchID, size)
	if err != nil {
		return nil
	}
	ids := []uint64{size} // all peaks, also where a path has none: the root is made of them
	for _, node := range nodes.IDs {
		if in := rowOf(node, size); in != size {
			ids = append(ids, in)
		}
	}
	return ids
}

// rowOf is the batch whose row has a node of the log of a size.
func rowOf(node compact.NodeID, size uint64) uint64 {
	if size>>node.Level == node.Index+1 && size>>node.Level&1 == 1 {
		return size // a peak
	}
	return (node.Index + 1) << node.Level
}

// place is where in the batch's row a node is.
func place(node compact.NodeID, batchID uint64) int {
	level := int(node.Level)
	if level < made(batchID) {
		return level
	}
	// The peaks above those that the batch made: one for each bit that is set between.
	between := batchID >> made(batchID) & (1<<(level-made(batchID)) - 1)
	return made(batchID) + bits.OnesCount64(between)
}
