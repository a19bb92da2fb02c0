// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {Batches} from "./Batches.sol";
import {Rfc9162} from "./Rfc9162.sol";
import {ANCHORER, OWNER, check, vm} from "./Vm.sol";

/// @dev What contains() refuses, and that it refuses without reverting: a revert fails each of these tests.
contract ContainsTest {
    using Rfc9162 for bytes32[];

    // Peaks of 8, 4 and 1 batches: paths of several lengths, and a last entry without siblings at two heights.
    uint64 private constant BATCHES = 13;
    bytes32 private constant SEED = "contains";
    uint256 private constant GUARD_SLOT = 2;
    uint256 private constant PEAKS_SLOT = 3;

    SaleAnchor private anchor;
    bytes32[] private entries;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
        Batches.anchorUpTo(anchor, SEED, BATCHES);
        entries = Batches.entries(SEED, BATCHES);
    }

    // Another claim, with a true path

    function test_AnyBitOfTheClaimCounts() public view {
        for (uint64 id = 1; id <= BATCHES; ++id) {
            (bytes32 root, uint32 size, bytes32[] memory path) = batch(id);
            for (uint256 bit = 0; bit < 256; ++bit) {
                bytes32 flip = bytes32(1 << bit);
                check(!anchor.contains(id, root ^ flip, size, path), "another root");
                if (bit < 64) check(!anchor.contains(id ^ uint64(1 << bit), root, size, path), "another batch");
                if (bit < 32) check(!anchor.contains(id, root, size ^ uint32(1 << bit), path), "another size");
            }
        }
    }

    function test_ABatchIsContainedUnderItsOwnIdOnly() public view {
        for (uint64 id = 1; id <= BATCHES; ++id) {
            (bytes32 root, uint32 size, bytes32[] memory path) = batch(id);
            for (uint64 other = 0; other <= BATCHES + 3; ++other) {
                check(anchor.contains(other, root, size, path) == (other == id), "a batch under another's id");
                if (other == id || other == 0 || other > BATCHES) continue;
                bytes32[] memory its = Rfc9162.path(other - 1, entries);
                check(!anchor.contains(other, root, size, its), "a batch at another's place");
                check(!anchor.contains(id, root, size, its), "a batch with another's path");
            }
        }
    }

    function test_BatchZeroAndBatchesToComeAreNotContained() public view {
        (bytes32 root, uint32 size) = Batches.batch(SEED, 1);
        for (uint256 length = 0; length < 6; ++length) {
            bytes32[] memory path = new bytes32[](length);
            check(!anchor.contains(0, root, size, path), "batch 0");
            check(!anchor.contains(BATCHES + 1, root, size, path), "the next batch");
            check(!anchor.contains(type(uint64).max, root, size, path), "the last batch of all");
        }
    }

    function test_AnEmptyLogContainsNothing() public {
        SaleAnchor empty = new SaleAnchor(OWNER, ANCHORER);
        for (uint256 length = 0; length < 3; ++length) {
            bytes32[] memory path = new bytes32[](length);
            for (uint64 id = 0; id < 3; ++id) {
                check(!empty.contains(id, 0, 0, path), "nothing was contained");
                check(!empty.contains(id, keccak256("a batch"), 1, path), "a batch was contained");
            }
        }
    }

    // Another path

    function test_AnyBitOfThePathCounts() public view {
        for (uint64 id = 1; id <= BATCHES; ++id) {
            (bytes32 root, uint32 size, bytes32[] memory path) = batch(id);
            for (uint256 i = 0; i < path.length; ++i) {
                bytes32 kept = path[i];
                for (uint256 bit = 0; bit < 256; ++bit) {
                    path[i] = kept ^ bytes32(1 << bit);
                    check(!anchor.contains(id, root, size, path), "another sibling");
                }
                path[i] = kept;
            }
        }
    }

    function test_APathWithANodeMoreOrLessIsRefused() public view {
        for (uint64 id = 1; id <= BATCHES; ++id) {
            (bytes32 root, uint32 size, bytes32[] memory path) = batch(id);
            for (uint256 i = 0; i <= path.length; ++i) {
                check(!anchor.contains(id, root, size, inserted(path, i, 0)), "a zero more");
                check(!anchor.contains(id, root, size, inserted(path, i, anchor.logRoot())), "the root more");
                if (i == path.length) continue;
                check(!anchor.contains(id, root, size, inserted(path, i, path[i])), "a sibling twice");
                check(!anchor.contains(id, root, size, removed(path, i)), "a sibling less");
            }
        }
    }

    function test_APathInAnotherOrderIsRefused() public view {
        for (uint64 id = 1; id <= BATCHES; ++id) {
            (bytes32 root, uint32 size, bytes32[] memory path) = batch(id);
            for (uint256 i = 1; i < path.length; ++i) {
                (path[i - 1], path[i]) = (path[i], path[i - 1]);
                check(!anchor.contains(id, root, size, path), "siblings swapped");
                (path[i - 1], path[i]) = (path[i], path[i - 1]);
            }
        }
    }

    /// @dev The node that a path passes at some height, with the rest of that path, leads to the root just as well.
    function test_AnInnerNodeIsNoBatch() public view {
        bytes32[] memory hashes = entries;
        for (uint64 id = 1; id <= 8; ++id) {
            (, uint32 size, bytes32[] memory path) = batch(id);
            for (uint256 height = 0; height <= 3; ++height) {
                uint256 from = uint256(id - 1) >> height << height;
                bytes32 node = hashes.mth(from, from + (1 << height));
                bytes32[] memory rest = path.slice(height, path.length);
                for (uint64 claimed = 1; claimed <= BATCHES; ++claimed) {
                    check(!anchor.contains(claimed, node, size, rest), "an inner node passed for a root");
                    check(!anchor.contains(claimed, node, 0, path), "an inner node passed with a whole path");
                }
            }
        }
        check(!anchor.contains(1, anchor.logRoot(), 1, new bytes32[](0)), "the root of the log passed for a batch's");
    }

    /// @dev The hashes alone would refuse such a path in any log: here the peaks are forged to fit it.
    function test_APathEndsAtTheTopOfTheLogWhateverItsHash() public {
        (bytes32 root, uint32 size) = Batches.batch(SEED, 1);
        bytes32 entry = Rfc9162.entry(1, root, size);
        bytes32[] memory path = new bytes32[](1);
        path[0] = keccak256("a sibling");

        forge(2, 1, entry);
        check(!anchor.contains(1, root, size, new bytes32[](0)), "a path that ends below the top");
        forge(1, 0, keccak256(abi.encodePacked(hex"01", path[0], entry)));
        check(!anchor.contains(1, root, size, path), "a path that goes on above the top, at the left");
        forge(1, 0, keccak256(abi.encodePacked(hex"01", entry, path[0])));
        check(!anchor.contains(1, root, size, path), "a path that goes on above the top, at the right");
        forge(1, 0, entry);
        check(anchor.contains(1, root, size, new bytes32[](0)), "the peaks are not where this test puts them");
    }

    // Anything

    function testFuzz_NothingInventedIsContained(uint64 id, bytes32 root, uint32 size, bytes32[] memory path)
        public
        view
    {
        check(!anchor.contains(id, root, size, path), "an invented batch");
        check(!anchor.contains(1 + id % BATCHES, root, size, path), "an invented batch in another's place");
    }

    function testFuzz_AnInventedPathIsRefused(uint64 id, bytes32[] memory path) public view {
        id = 1 + id % BATCHES;
        (bytes32 root, uint32 size, bytes32[] memory its) = batch(id);
        vm.assume(keccak256(abi.encode(path)) != keccak256(abi.encode(its)));
        check(!anchor.contains(id, root, size, path), "an invented path");
    }

    function testFuzz_ALogOfAnySizeAnswers(uint64 next, uint64 id, bytes32 root, uint32 size, bytes32[] memory path)
        public
    {
        standAt(next == 0 ? 1 : next);
        check(!anchor.contains(id, root, size, path), "an invented batch");
        check(!anchor.contains(next - (next == 0 ? 0 : 1), root, size, path), "an invented last batch");
    }

    /// @dev Solidity's decoder refuses what is no call; whatever it lets through is answered, and with no.
    function testFuzz_NoBytesAreAnsweredWithYes(bytes memory arguments) public view {
        (bool answered, bytes memory answer) =
            address(anchor).staticcall(bytes.concat(SaleAnchor.contains.selector, arguments));
        check(!answered || abi.decode(answer, (uint256)) == 0, "bytes were taken for a batch");
    }

    function batch(uint64 id) private view returns (bytes32 root, uint32 size, bytes32[] memory path) {
        (root, size) = Batches.batch(SEED, id);
        path = Rfc9162.path(id - 1, entries);
        check(anchor.contains(id, root, size, path), "the batch itself is not contained");
    }

    function forge(uint64 count, uint256 height, bytes32 peak) private {
        standAt(count + 1);
        vm.store(address(anchor), bytes32(PEAKS_SLOT + height), peak);
    }

    function standAt(uint64 next) private {
        vm.store(address(anchor), bytes32(GUARD_SLOT), bytes32(uint256(next) << 160 | uint160(ANCHORER)));
    }

    function inserted(bytes32[] memory path, uint256 place, bytes32 node)
        private
        pure
        returns (bytes32[] memory longer)
    {
        longer = path.slice(0, place).append(node);
        for (uint256 i = place; i < path.length; ++i) {
            longer = longer.append(path[i]);
        }
    }

    function removed(bytes32[] memory path, uint256 place) private pure returns (bytes32[] memory shorter) {
        shorter = path.slice(0, place);
        for (uint256 i = place + 1; i < path.length; ++i) {
            shorter = shorter.append(path[i]);
        }
    }
}
