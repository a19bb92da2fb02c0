// Package batchlog is the log of batches that a SaleAnchor contract keeps: an append-only Merkle tree as RFC 9162 section 2.1 defines
// it, hashed with keccak256. Entry n−1 is batch n, and the log's root pins every batch there ever was.
//
// The contract keeps the log's peaks only. Whoever makes paths keeps a Row with each batch, O(log n) hashes, from which the path of any
// batch in the log of any size follows: see [RowsOf] and [Include].
package batchlog

import (
	"encoding/binary"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"golang.org/x/crypto/sha3"

	"github.com/tillseal/tillseal/shared/fault"
)

// Batch is what the log holds of a batch.
type Batch struct {
	ID   uint64      // from 1
	Root common.Hash // of the batch's tree of sales; see package merkle
	Size uint32      // the number of its sales
}

// The prefixes keep an inner node from passing for an entry (RFC 9162 section 2.1.1).
const (
	entryPrefix = 0x00
	nodePrefix  = 0x01
)

const word = 32 // the ABI pads each value to so many bytes

// Entry is the batch's hash in the log: keccak256(0x00 ‖ abi.encode(uint64 batchId, bytes32 root, uint32 size)).
func (b Batch) Entry() common.Hash {
	var encoded [1 + 3*word]byte
	encoded[0] = entryPrefix
	binary.BigEndian.PutUint64(encoded[1+word-8:], b.ID)
	copy(encoded[1+word:], b.Root[:])
	binary.BigEndian.PutUint32(encoded[1+3*word-4:], b.Size)
	return keccak(encoded[:])
}

// parent is keccak256(0x01 ‖ left ‖ right).
func parent(left, right []byte) []byte {
	hash := keccak([]byte{nodePrefix}, left, right)
	return hash[:]
}

func keccak(parts ...[]byte) (out common.Hash) {
	h := sha3.NewLegacyKeccak256()
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(out[:0])
	return out
}

// Hasher hashes the log's nodes for github.com/transparency-dev/merkle; a leaf is what a Batch's abi.encode gives.
type Hasher struct{}

// EmptyRoot is the root while there is no batch, 32 zero bytes as the contract has it; RFC 9162 hashes an empty string.
func (Hasher) EmptyRoot() []byte { return make([]byte, common.HashLength) }

// HashLeaf hashes an entry.
func (Hasher) HashLeaf(leaf []byte) []byte {
	hash := keccak([]byte{entryPrefix}, leaf)
	return hash[:]
}

// HashChildren hashes an inner node.
func (Hasher) HashChildren(left, right []byte) []byte { return parent(left, right) }

// Size is the length of a hash in bytes.
func (Hasher) Size() int { return common.HashLength }

var ranges = compact.RangeFactory{Hash: parent}

// Log is a log of some size. It grows and is not safe for concurrent use.
type Log struct{ peaks *compact.Range }

// New is a log without a batch.
func New() *Log { return &Log{peaks: ranges.NewEmptyRange(0)} }

// After is the log of the batches up to one whose row is given. A row of another length is Invalid.
func After(batchID uint64, row Row) (*Log, error) {
	if err := row.check(batchID); err != nil {
		return nil, err
	}
	peaks, err := ranges.NewRange(0, batchID, row.peaks(batchID))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the log of %d batches: %w", batchID, err)
	}
	return &Log{peaks: peaks}, nil
}

// Size is the number of batches, and the id of the last one.
func (l *Log) Size() uint64 { return l.peaks.End() }

// Root is the log's root; zero while there is no batch.
func (l *Log) Root() common.Hash {
	root, err := l.peaks.GetRootHash(nil)
	if err != nil {
		panic("batchlog: " + err.Error()) // only a range that does not begin at 0
	}
	return common.BytesToHash(root)
}

// Append adds the next batch and returns its row. Another id than the next is Invalid.
func (l *Log) Append(b Batch) (Row, error) {
	if b.ID != l.Size()+1 {
		return nil, fault.New(fault.Invalid, "batch %d cannot follow a log of %d", b.ID, l.Size())
	}
	var row Row
	entry := b.Entry()
	err := l.peaks.Append(entry[:], func(_ compact.NodeID, hash []byte) { row = append(row, common.BytesToHash(hash)) })
	if err != nil {
		return nil, fault.New(fault.Invalid, "append batch %d to the log: %w", b.ID, err)
	}
	left := l.peaks.Hashes()[:len(l.peaks.Hashes())-1] // from the highest down; the last peak is the node made last
	for _, peak := range slices.Backward(left) {
		row = append(row, common.BytesToHash(peak))
	}
	return row, nil
}

// Included is a batch's inclusion in a log of some size.
type Included struct {
	Size uint64
	Root common.Hash
	Path []common.Hash // from the entry up (RFC 9162 section 2.1.3.1)
}

// Include makes a batch's inclusion in the log of a size, from the rows that RowsOf lists. A batch that such a log does not have, and
// a row that is missing or malformed, is Invalid. It holds for what the rows say: see Verify.
func Include(batchID, size uint64, rows map[uint64]Row) (Included, error) {
	nodes, err := inclusion(batchID, size)
	if err != nil {
		return Included{}, err
	}
	for _, id := range RowsOf(batchID, size) {
		if err := rows[id].check(id); err != nil {
			return Included{}, err
		}
	}
	hashes := make([][]byte, len(nodes.IDs))
	for i, node := range nodes.IDs {
		in := rowOf(node, size)
		hash := rows[in][place(node, in)]
		hashes[i] = hash[:]
	}
	path, err := nodes.Rehash(hashes, parent)
	if err != nil {
		return Included{}, fault.New(fault.Invalid, "the path of batch %d: %w", batchID, err)
	}
	whole, err := After(size, rows[size])
	if err != nil {
		return Included{}, err
	}
	included := Included{Size: size, Root: whole.Root(), Path: make([]common.Hash, len(path))}
	for i, hash := range path {
		included.Path[i] = common.BytesToHash(hash)
	}
	return included, nil
}

func inclusion(batchID, size uint64) (proof.Nodes, error) {
	if batchID == 0 || batchID > size {
		return proof.Nodes{}, fault.New(fault.Invalid, "a log of %d batches does not have batch %d", size, batchID)
	}
	nodes, err := proof.Inclusion(batchID-1, size)
	if err != nil {
		return proof.Nodes{}, fault.New(fault.Invalid, "the path of batch %d: %w", batchID, err)
	}
	return nodes, nil
}

// Verify reports whether the path leads from the batch to the root of a log of that size, as RFC 9162 section 2.1.3.2 says.
func Verify(b Batch, in Included) bool {
	if b.ID == 0 || b.ID > in.Size {
		return false
	}
	path := make([][]byte, len(in.Path))
	for i := range in.Path {
		path[i] = in.Path[i][:]
	}
	entry := b.Entry()
	return proof.VerifyInclusion(Hasher{}, b.ID-1, in.Size, entry[:], path, in.Root[:]) == nil
}
