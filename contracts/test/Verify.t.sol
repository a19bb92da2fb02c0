// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {Rfc9162} from "./Rfc9162.sol";
import {ANCHORER, OWNER, check, vm} from "./Vm.sol";

/// @dev testdata/trees.json was made with ethers and @openzeppelin/merkle-tree; shared/merkle is tested against it too.
contract VerifyTest {
    using Rfc9162 for bytes32[];

    uint64 private constant VECTORS = 10;
    uint256 private constant PROOFS = 27;

    struct Claim {
        uint64 batchId;
        uint32 size;
        bytes32 saleHash;
        uint256 amountWei;
        bytes32[] proof;
        bytes32[] path;
    }

    SaleAnchor private anchor;
    string private json;
    bytes32[] private entries;
    uint32[] private sizes;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
        json = vm.readFile("testdata/trees.json");
        for (uint64 id = 1; id <= VECTORS; ++id) {
            bytes32 root = vm.parseJsonBytes32(json, string.concat(vector(id), ".root"));
            uint32 size = uint32(vm.parseJsonUint(json, string.concat(vector(id), ".size")));
            vm.prank(ANCHORER);
            anchor.anchor(id, root, size);
            entries.push(Rfc9162.entry(id, root, size));
            sizes.push(size);
        }
    }

    function test_EveryVectorVerifies() public view {
        uint256 proofs;
        for (uint64 id = 1; id <= VECTORS; ++id) {
            string[] memory leaves = vm.parseJsonKeys(json, string.concat(vector(id), ".proofs"));
            for (uint256 j = 0; j < leaves.length; ++j) {
                Claim memory c = claim(id, leaves[j]);
                check(verifies(c), "a true proof was refused");
                refusesAnotherSale(c);
                refusesAnotherBatch(c);
                refusesAnotherWay(c);
                check(verifies(c), "the claim was not put back");
                ++proofs;
            }
        }
        string memory beyond = vector(VECTORS + 1);
        check(proofs == PROOFS && !vm.keyExistsJson(json, beyond), "the vectors were not all read");
    }

    function refusesAnotherSale(Claim memory c) private view {
        (bytes32 saleHash, uint256 amountWei) = (c.saleHash, c.amountWei);
        for (uint256 bit = 0; bit < 256; ++bit) {
            c.saleHash = saleHash ^ bytes32(1 << bit);
            check(!verifies(c), "another sale");
            c.saleHash = saleHash;
            c.amountWei = amountWei ^ (1 << bit);
            check(!verifies(c), "another amount");
            c.amountWei = amountWei;
        }
    }

    function refusesAnotherBatch(Claim memory c) private view {
        (uint64 batchId, uint32 size, bytes32[] memory path) = (c.batchId, c.size, c.path);
        for (uint256 bit = 0; bit < 32; ++bit) {
            c.size = size ^ uint32(1 << bit);
            check(!verifies(c), "another size");
        }
        c.size = size;
        for (uint64 other = 0; other <= VECTORS + 2; ++other) {
            if (other == batchId) continue;
            c.batchId = other;
            check(!verifies(c), "another batch");
            if (other == 0 || other > VECTORS) continue;
            (c.size, c.path) = (sizes[other - 1], Rfc9162.path(other - 1, entries));
            check(!verifies(c), "another batch in its place");
            (c.size, c.path) = (size, path);
        }
        c.batchId = batchId;
    }

    function refusesAnotherWay(Claim memory c) private view {
        (bytes32[] memory proof, bytes32[] memory path) = (c.proof, c.path);
        refusesAnyOtherNode(c, proof);
        refusesAnyOtherNode(c, path);
        c.proof = proof.append(0);
        check(!verifies(c), "a longer proof");
        (c.proof, c.path) = (proof, path.append(0));
        check(!verifies(c), "a longer path");
        c.path = path;
        if (path.length > 0) {
            c.path = path.slice(0, path.length - 1);
            check(!verifies(c), "a shorter path");
            c.path = path;
            if (proof.length == 0) return;
            (c.proof, c.path) = (path, proof);
            check(!verifies(c), "path and proof exchanged");
            (c.proof, c.path) = (proof.slice(0, proof.length - 1), path);
            check(!verifies(c), "a shorter proof");
            c.proof = proof;
        }
    }

    /// @dev nodes is c.proof or c.path itself, not a copy.
    function refusesAnyOtherNode(Claim memory c, bytes32[] memory nodes) private view {
        for (uint256 i = 0; i < nodes.length; ++i) {
            bytes32 kept = nodes[i];
            for (uint256 bit = 0; bit < 256; bit += 15) {
                nodes[i] = kept ^ bytes32(1 << bit);
                check(!verifies(c), "another sibling");
            }
            nodes[i] = kept;
        }
    }

    /// @dev The root of two leaves is the hash of 64 bytes; read as a (saleHash, amountWei) pair they must not pass.
    function test_AnInnerNodeIsNoSale() public view {
        bytes32 a = vm.parseJsonBytes32(json, ".vectors[1].leaves[0]");
        bytes32 b = vm.parseJsonBytes32(json, ".vectors[1].leaves[1]");
        bytes32[] memory path = Rfc9162.path(1, entries);
        check(a < b && anchor.contains(2, keccak256(abi.encode(a, b)), 2, path), "the vector has two leaves in order");
        check(!anchor.verify(2, 2, a, uint256(b), new bytes32[](0), path), "an inner node passed for a sale");
    }

    /// @dev Even where the root is the one leaf's hash: a sale is what is hashed twice.
    function test_ARootIsNoSale() public view {
        bytes32 root = vm.parseJsonBytes32(json, ".vectors[0].root");
        bytes32[] memory path = Rfc9162.path(0, entries);
        check(anchor.contains(1, root, 1, path), "the batch of one is contained");
        check(!anchor.verify(1, 1, root, 0, new bytes32[](0), path), "a root passed for a sale");
    }

    function testFuzz_NothingVerifiesInABatchThatIsNotThere(Claim memory c) public view {
        vm.assume(c.batchId == 0 || c.batchId > VECTORS);
        check(!verifies(c), "verified without a batch");
    }

    function testFuzz_NothingInventedVerifies(Claim memory c) public view {
        c.batchId = c.batchId % VECTORS + 1;
        check(!verifies(c), "an invented sale verified");
        (c.size, c.path) = (sizes[c.batchId - 1], Rfc9162.path(c.batchId - 1, entries));
        check(!verifies(c), "an invented sale verified with a true path");
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_AnInventedProofOrPathIsRefused(uint64 id, bytes32[] memory invented) public view {
        Claim memory c = claim(1 + id % VECTORS, "0");
        (bytes32[] memory proof, bytes32[] memory path) = (c.proof, c.path);
        bytes32 digest = keccak256(abi.encode(invented));
        vm.assume(digest != keccak256(abi.encode(proof)) && digest != keccak256(abi.encode(path)));
        c.proof = invented;
        check(!verifies(c), "an invented proof");
        (c.proof, c.path) = (proof, invented);
        check(!verifies(c), "an invented path");
    }

    function verifies(Claim memory c) private view returns (bool) {
        return anchor.verify(c.batchId, c.size, c.saleHash, c.amountWei, c.proof, c.path);
    }

    function claim(uint64 id, string memory position) private view returns (Claim memory c) {
        string memory value = string.concat(vector(id), ".values[", position, "]");
        c.batchId = id;
        c.size = sizes[id - 1];
        c.saleHash = vm.parseJsonBytes32(json, string.concat(value, "[0]"));
        c.amountWei = vm.parseUint(vm.parseJsonString(json, string.concat(value, "[1]")));
        c.proof = vm.parseJsonBytes32Array(json, string.concat(vector(id), ".proofs['", position, "']"));
        c.path = Rfc9162.path(id - 1, entries);
    }

    function vector(uint64 id) private pure returns (string memory) {
        return string.concat(".vectors[", vm.toString(id - 1), "]");
    }
}
