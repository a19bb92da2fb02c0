// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {Rfc9162} from "./Rfc9162.sol";
import {ANCHORER, vm} from "./Vm.sol";

/// @title Batches made up from a seed, so that a test knows every one of a log without keeping it
library Batches {
    function batch(bytes32 seed, uint64 id) internal pure returns (bytes32 root, uint32 size) {
        root = keccak256(abi.encode(seed, id));
        size = uint32(uint256(root)) | 1;
    }

    /// @dev The entries of the log of batches 1 to count.
    function entries(bytes32 seed, uint256 count) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint64 id = 1; id <= count; ++id) {
            (bytes32 root, uint32 size) = batch(seed, id);
            hashes[id - 1] = Rfc9162.entry(id, root, size);
        }
    }

    /// @dev Anchors what is missing up to the batch last.
    function anchorUpTo(SaleAnchor anchor, bytes32 seed, uint256 last) internal {
        for (uint64 id = anchor.nextBatchId(); id <= last; ++id) {
            (bytes32 root, uint32 size) = batch(seed, id);
            vm.prank(ANCHORER);
            anchor.anchor(id, root, size);
        }
    }
}
