// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The Merkle tree of RFC 9162 as its section 2.1 defines it, over the entries of a log of batches
/// @dev The RFC's recursion and its letters (D, m, n, k), so that it can be read beside the text. It has no line in
/// common with the contract: a mistake would have to be made twice. What the RFC copies, D[from:to], is a range here.
library Rfc9162 {
    /// @dev The hash of D[n - 1], written out byte by byte.
    function entry(uint64 batchId, bytes32 root, uint32 size) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"00", uint256(batchId), root, uint256(size)));
    }

    /// @dev MTH(D_n), section 2.1.1, for n > 0; entries are the hashes of D's.
    function mth(bytes32[] memory entries) internal pure returns (bytes32) {
        return mth(entries, 0, entries.length);
    }

    /// @dev PATH(m, D_n), section 2.1.3.1, for m < n.
    function path(uint256 m, bytes32[] memory entries) internal pure returns (bytes32[] memory) {
        return path(m, entries, 0, entries.length);
    }

    function mth(bytes32[] memory entries, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to - from == 1) return entries[from];
        uint256 k = largestPowerOfTwoBelow(to - from);
        return keccak256(abi.encodePacked(hex"01", mth(entries, from, from + k), mth(entries, from + k, to)));
    }

    function path(uint256 m, bytes32[] memory entries, uint256 from, uint256 to)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (to - from == 1) return new bytes32[](0);
        uint256 k = largestPowerOfTwoBelow(to - from);
        return m < k
            ? append(path(m, entries, from, from + k), mth(entries, from + k, to))
            : append(path(m - k, entries, from + k, to), mth(entries, from, from + k));
    }

    function largestPowerOfTwoBelow(uint256 n) internal pure returns (uint256 k) {
        k = 1;
        while (k * 2 < n) k *= 2;
    }

    function append(bytes32[] memory nodes, bytes32 last) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](nodes.length + 1);
        for (uint256 i = 0; i < nodes.length; ++i) {
            longer[i] = nodes[i];
        }
        longer[nodes.length] = last;
    }

    /// @dev entries[from:to].
    function slice(bytes32[] memory entries, uint256 from, uint256 to) internal pure returns (bytes32[] memory part) {
        part = new bytes32[](to - from);
        for (uint256 i = from; i < to; ++i) {
            part[i - from] = entries[i];
        }
    }
}
