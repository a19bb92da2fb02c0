// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {Batches} from "./Batches.sol";
import {Rfc9162} from "./Rfc9162.sol";
import {ANCHORER, OWNER, check, vm} from "./Vm.sol";

/// @dev testdata/log.json was made by code that is not ours; shared/merkle is tested against it too.
contract LogVectorsTest {
    using Rfc9162 for bytes32[];

    uint256 private constant BATCHES = 70;
    uint256 private constant PATHS = 16;

    struct Batch {
        uint64 id;
        uint32 size;
        bytes32 root;
    }

    struct Path {
        uint64 id;
        uint256 logSize;
        bytes32[] nodes;
    }

    // As forge decodes the file's objects: by their keys in alphabetical order, and the numbers are strings there.
    struct BatchInFile {
        string id;
        bytes32 root;
        string size;
    }

    struct PathInFile {
        string id;
        string logSize;
        bytes32[] nodes;
    }

    SaleAnchor private anchor;
    Batch[] private batches;
    bytes32[] private entries;
    bytes32[] private roots;
    Path[] private paths;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
        string memory json = vm.readFile("testdata/log.json");
        entries = vm.parseJsonBytes32Array(json, ".entries");
        roots = vm.parseJsonBytes32Array(json, ".roots");
        BatchInFile[] memory b = abi.decode(vm.parseJson(json, ".batches"), (BatchInFile[]));
        for (uint256 i = 0; i < b.length; ++i) {
            batches.push(Batch(uint64(vm.parseUint(b[i].id)), uint32(vm.parseUint(b[i].size)), b[i].root));
        }
        PathInFile[] memory p = abi.decode(vm.parseJson(json, ".inclusion"), (PathInFile[]));
        for (uint256 i = 0; i < p.length; ++i) {
            paths.push(Path(uint64(vm.parseUint(p[i].id)), vm.parseUint(p[i].logSize), p[i].nodes));
        }
    }

    function test_TheVectorsAreAllRead() public view {
        check(batches.length == BATCHES && entries.length == BATCHES && roots.length == BATCHES, "batches");
        check(paths.length == PATHS, "paths");
    }

    /// @dev What the other tests compare the contract with is right itself.
    function test_TheReferenceGivesTheVectors() public view {
        bytes32[] memory hashes = entries;
        for (uint256 i = 0; i < BATCHES; ++i) {
            Batch memory b = batches[i];
            check(b.id == i + 1 && Rfc9162.entry(b.id, b.root, b.size) == hashes[i], "entry");
            check(hashes.slice(0, i + 1).mth() == roots[i], "root");
        }
        for (uint256 i = 0; i < PATHS; ++i) {
            Path memory p = paths[i];
            bytes32[] memory made = Rfc9162.path(p.id - 1, hashes.slice(0, p.logSize));
            check(keccak256(abi.encode(made)) == keccak256(abi.encode(p.nodes)), "path");
        }
    }

    function test_TheRootIsTheVectorsAfterEachBatch() public {
        for (uint256 i = 0; i < BATCHES; ++i) {
            anchorBatch(i);
            check(anchor.logRoot() == roots[i], string.concat("root of the log of ", vm.toString(i + 1)));
        }
    }

    function test_APathOfTheVectorsVerifiesAtItsSizeAndAtNoOther() public {
        uint256 verified;
        for (uint256 size = 1; size <= BATCHES; ++size) {
            anchorBatch(size - 1);
            for (uint256 i = 0; i < PATHS; ++i) {
                Path memory p = paths[i];
                Batch memory b = batches[p.id - 1];
                bool contained = anchor.contains(b.id, b.root, b.size, p.nodes);
                check(
                    contained == (p.logSize == size), string.concat("path ", vm.toString(i), " at ", vm.toString(size))
                );
                if (contained) ++verified;
            }
        }
        check(verified == PATHS, "a path never verified");
    }

    function anchorBatch(uint256 i) private {
        vm.prank(ANCHORER);
        anchor.anchor(batches[i].id, batches[i].root, batches[i].size);
    }
}

/// @dev The contract against the definition, for logs that nobody chose.
contract LogTest {
    using Rfc9162 for bytes32[];

    uint256 private constant BATCHES_MAX = 70;
    uint256 private constant GUARD_SLOT = 2;
    uint256 private constant PEAKS_SLOT = 3;
    uint256 private constant HEIGHTS = 64;

    SaleAnchor private anchor;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_TheLogIsWhatTheRfcDefines(uint256 count, bytes32 seed) public {
        count = 1 + count % BATCHES_MAX;
        Batches.anchorUpTo(anchor, seed, count);
        bytes32[] memory entries = Batches.entries(seed, count);
        check(anchor.logRoot() == entries.mth(), "root");
        for (uint64 id = 1; id <= count; ++id) {
            (bytes32 root, uint32 size) = Batches.batch(seed, id);
            check(anchor.contains(id, root, size, Rfc9162.path(id - 1, entries)), "a batch is not contained");
        }
    }

    function testFuzz_APathOfAnotherSizeIsRefused(uint256 count, uint256 other, uint256 id, bytes32 seed) public {
        count = 1 + count % BATCHES_MAX;
        other = 1 + other % BATCHES_MAX;
        vm.assume(other != count);
        id = 1 + id % (other < count ? other : count);
        Batches.anchorUpTo(anchor, seed, count);
        (bytes32 root, uint32 size) = Batches.batch(seed, uint64(id));
        bytes32[] memory path = Rfc9162.path(id - 1, Batches.entries(seed, other));
        check(!anchor.contains(uint64(id), root, size, path), "the path of another size was taken");
    }

    // Storage

    function test_TheAnchorerAndTheNextIdShareASlot() public {
        Batches.anchorUpTo(anchor, 0, 1);
        check(slot(GUARD_SLOT) == bytes32(uint256(2) << 160 | uint160(ANCHORER)), "slot 2");
    }

    /// @dev So a batch makes new state only where it is the first of its height: at the powers of two.
    function test_ABatchWritesTheGuardAndTheSlotOfItsHeight() public {
        for (uint64 id = 1; id <= BATCHES_MAX; ++id) {
            uint256 height = 0;
            while (id >> height & 1 == 0) ++height;
            bool isNew = slot(PEAKS_SLOT + height) == 0;
            check(isNew == (id & (id - 1) == 0), "new state at another than a power of two");

            vm.record();
            Batches.anchorUpTo(anchor, 0, id);
            (, bytes32[] memory writes) = vm.accesses(address(anchor));
            check(writes.length == 2, "two slots are written");
            check(uint256(writes[0]) == GUARD_SLOT && uint256(writes[1]) == PEAKS_SLOT + height, "other slots");
        }
    }

    function test_APeakStandsInTheSlotOfItsHeight() public {
        bytes32[] memory entries = Batches.entries(0, BATCHES_MAX);
        for (uint256 count = 1; count <= BATCHES_MAX; ++count) {
            Batches.anchorUpTo(anchor, 0, count);
            uint256 end = count;
            for (uint256 height = 0; height < HEIGHTS; ++height) {
                bytes32 held = slot(PEAKS_SLOT + height);
                if (count >> height == 0) check(held == 0, "a slot above the highest peak");
                if (count >> height & 1 == 0) continue;
                check(held == entries.mth(end - (1 << height), end), "a peak");
                end -= 1 << height;
            }
        }
    }

    // Far away

    /// @dev The last batch's path is known whatever came before it: the peaks that stood, from the lowest.
    function testFuzz_TheLogWorksAtEveryHeight(uint64 count, uint8 shift, bytes32 seed) public {
        count >>= shift % 64;
        vm.assume(count <= type(uint64).max - 2);
        (bytes32 root, uint32 size) = Batches.batch(seed, count + 1);
        bytes32 expected = Rfc9162.entry(count + 1, root, size);
        bytes32[] memory path = new bytes32[](0);
        for (uint256 height = 0; height < HEIGHTS; ++height) {
            if (count >> height & 1 == 0) continue;
            bytes32 peak = keccak256(abi.encode(seed, "peak", height));
            vm.store(address(anchor), bytes32(PEAKS_SLOT + height), peak);
            path = path.append(peak);
            expected = keccak256(abi.encodePacked(hex"01", peak, expected));
        }
        standAt(count + 1);

        vm.prank(ANCHORER);
        anchor.anchor(count + 1, root, size);
        check(anchor.nextBatchId() == count + 2, "next");
        check(anchor.logRoot() == expected, "root");
        check(anchor.contains(count + 1, root, size, path), "the last batch is not contained");
        if (path.length > 0) {
            check(!anchor.contains(count + 1, root, size, path.slice(1, path.length)), "shorter path");
        }
    }

    function test_TheIdsNeverWrap() public {
        standAt(type(uint64).max);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(ANCHORER);
        anchor.anchor(type(uint64).max, keccak256("one too many"), 1);
    }

    function standAt(uint64 nextBatchId) private {
        vm.store(address(anchor), bytes32(GUARD_SLOT), bytes32(uint256(nextBatchId) << 160 | uint160(ANCHORER)));
    }

    function slot(uint256 index) private view returns (bytes32) {
        return vm.load(address(anchor), bytes32(index));
    }
}
