// Package merkle builds OpenZeppelin's StandardMerkleTree over [bytes32 saleHash, uint256 amountWei] to the letter, so that
// @openzeppelin/merkle-tree and MerkleProof.sol verify what is made here
// (https://github.com/OpenZeppelin/merkle-tree, "Standard Merkle Trees").
package merkle

import (
	"bytes"
	"hash"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/crypto/sha3"

	"github.com/tillseal/tillseal/shared/fault"
)

// MaxLeaves bounds a tree: its proofs have at most 20 elements, and building one holds at most 64 MiB.
const MaxLeaves = 1 << 20

// Leaf is keccak256(keccak256(abi.encode(bytes32 saleHash, uint256 amountWei))), hashed twice so that no inner node can
// pass for a leaf. An amount outside uint256 is Invalid.
func Leaf(saleHash common.Hash, amountWei *big.Int) (common.Hash, error) {
	if amountWei == nil || amountWei.Sign() < 0 || amountWei.BitLen() > 256 {
		return common.Hash{}, fault.New(fault.Invalid, "amount in wei is not a uint256")
	}
	var encoded [64]byte
	copy(encoded[:32], saleHash[:])
	amountWei.FillBytes(encoded[32:])
	h := newHasher()
	once := h.sum(encoded[:])
	return h.sum(once[:]), nil
}

// Tree is a complete Merkle tree. It is immutable and safe to share.
type Tree struct {
	nodes []common.Hash // 2n−1 nodes, the root first; leaf i of the ascending order at len−1−i
}

// Build makes the tree over leaves, in any order; duplicates are kept. Empty and oversized sets are Invalid.
func Build(leaves []common.Hash) (*Tree, error) {
	n := len(leaves)
	if n == 0 || n > MaxLeaves {
		return nil, fault.New(fault.Invalid, "a tree has 1 to %d leaves, not %d", MaxLeaves, n)
	}
	sorted := slices.Clone(leaves)
	slices.SortFunc(sorted, compare)
	nodes := make([]common.Hash, 2*n-1)
	for i, leaf := range sorted {
		nodes[len(nodes)-1-i] = leaf
	}
	h := newHasher()
	for i := n - 2; i >= 0; i-- {
		nodes[i] = h.pair(nodes[2*i+1], nodes[2*i+2])
	}
	return &Tree{nodes: nodes}, nil
}

// Root is what is anchored.
func (t *Tree) Root() common.Hash { return t.nodes[0] }

// Size is the number of leaves.
func (t *Tree) Size() int { return (len(t.nodes) + 1) / 2 }

// Leaf returns the leaf with an index in ascending order, from 0. It panics outside [0, Size).
func (t *Tree) Leaf(index int) common.Hash { return t.nodes[len(t.nodes)-1-index] }

// Index returns a leaf's index in ascending order, and whether the tree has it.
func (t *Tree) Index(leaf common.Hash) (int, bool) {
	n := t.Size()
	lo, hi := 0, n
	for lo < hi {
		if mid := (lo + hi) / 2; compare(t.Leaf(mid), leaf) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < n && t.Leaf(lo) == leaf
}

// Proof lists the siblings from the leaf with that index (see Leaf) up to the root, which is left out.
func (t *Tree) Proof(index int) []common.Hash {
	proof := make([]common.Hash, 0, 20)
	for i := len(t.nodes) - 1 - index; i > 0; i = (i - 1) / 2 {
		sibling := i + 1
		if i%2 == 0 {
			sibling = i - 1
		}
		proof = append(proof, t.nodes[sibling])
	}
	return proof
}

// Verify reports whether proof leads from leaf to root, as MerkleProof.sol does.
func Verify(root, leaf common.Hash, proof []common.Hash) bool {
	h := newHasher()
	for _, sibling := range proof {
		leaf = h.pair(leaf, sibling)
	}
	return leaf == root
}

func compare(a, b common.Hash) int { return bytes.Compare(a[:], b[:]) }

type hasher struct {
	keccak hash.Hash
	buf    [64]byte
}

func newHasher() *hasher { return &hasher{keccak: sha3.NewLegacyKeccak256()} }

func (h *hasher) sum(b []byte) (out common.Hash) {
	h.keccak.Reset()
	h.keccak.Write(b)
	h.keccak.Sum(out[:0])
	return out
}

// pair hashes two nodes in ascending order, which spares a proof its left and right.
func (h *hasher) pair(a, b common.Hash) common.Hash {
	if compare(a, b) > 0 {
		a, b = b, a
	}
	copy(h.buf[:32], a[:])
	copy(h.buf[32:], b[:])
	return h.sum(h.buf[:])
}
