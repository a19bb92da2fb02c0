// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {ANCHORER, OWNER, check, vm} from "./Vm.sol";

/// @dev testdata/trees.json was made with ethers and @openzeppelin/merkle-tree; shared/merkle is tested against it too.
contract VerifyTest {
    uint256 private constant VECTORS = 10;
    uint256 private constant PROOFS = 27;

    SaleAnchor private anchor;
    string private json;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
        json = vm.readFile("testdata/trees.json");
        for (uint64 i = 0; i < VECTORS; ++i) {
            bytes32 root = vm.parseJsonBytes32(json, string.concat(vector(i), ".root"));
            uint256 size = vm.parseJsonUint(json, string.concat(vector(i), ".size"));
            vm.prank(ANCHORER);
            anchor.anchor(i + 1, root, uint32(size));
        }
    }

    function test_EveryVectorVerifies() public view {
        uint256 proofs;
        for (uint64 i = 0; i < VECTORS; ++i) {
            string[] memory leaves = vm.parseJsonKeys(json, string.concat(vector(i), ".proofs"));
            for (uint256 j = 0; j < leaves.length; ++j) {
                (bytes32 saleHash, uint256 amountWei, bytes32[] memory proof) = leafAt(i, leaves[j]);
                check(anchor.verify(i + 1, saleHash, amountWei, proof), "a true proof was refused");
                refusesAnyChange(i + 1, saleHash, amountWei, proof);
                ++proofs;
            }
        }
        check(proofs == PROOFS && !vm.keyExistsJson(json, vector(uint64(VECTORS))), "the vectors were not all read");
    }

    function refusesAnyChange(uint64 batchId, bytes32 saleHash, uint256 amountWei, bytes32[] memory proof)
        private
        view
    {
        check(!anchor.verify(batchId, saleHash, amountWei + 1, proof), "another amount");
        check(!anchor.verify(batchId, saleHash ^ bytes32(uint256(1)), amountWei, proof), "another sale");
        check(!anchor.verify(batchId % uint64(VECTORS) + 1, saleHash, amountWei, proof), "another batch");
        check(!anchor.verify(uint64(VECTORS) + 1, saleHash, amountWei, proof), "a batch to come");
        check(!anchor.verify(0, saleHash, amountWei, proof), "batch 0");

        bytes32[] memory longer = new bytes32[](proof.length + 1);
        for (uint256 k = 0; k < proof.length; ++k) {
            longer[k] = proof[k];
            bytes32 kept = proof[k];
            proof[k] = kept ^ bytes32(uint256(1));
            check(!anchor.verify(batchId, saleHash, amountWei, proof), "another sibling");
            proof[k] = kept;
        }
        check(!anchor.verify(batchId, saleHash, amountWei, longer), "a longer proof");
    }

    /// @dev The root of two leaves is the hash of 64 bytes; read as a (saleHash, amountWei) pair they must not pass.
    function test_AnInnerNodeIsNoSale() public view {
        bytes32 a = vm.parseJsonBytes32(json, ".vectors[1].leaves[0]");
        bytes32 b = vm.parseJsonBytes32(json, ".vectors[1].leaves[1]");
        check(a < b && keccak256(abi.encode(a, b)) == anchor.rootOf(2), "the vector has two leaves in order");
        check(!anchor.verify(2, a, uint256(b), new bytes32[](0)), "an inner node passed for a sale");
    }

    function testFuzz_NothingVerifiesInABatchToCome(
        uint64 batchId,
        bytes32 saleHash,
        uint256 wei_,
        bytes32[] memory proof
    ) public view {
        vm.assume(batchId == 0 || batchId > VECTORS);
        check(!anchor.verify(batchId, saleHash, wei_, proof), "verified without a root");
    }

    function testFuzz_NothingInventedVerifies(uint8 batch, bytes32 saleHash, uint256 wei_, bytes32[] memory proof)
        public
        view
    {
        check(!anchor.verify(uint64(batch % VECTORS) + 1, saleHash, wei_, proof), "an invented sale verified");
    }

    function leafAt(uint64 i, string memory position) private view returns (bytes32, uint256, bytes32[] memory) {
        string memory value = string.concat(vector(i), ".values[", position, "]");
        return (
            vm.parseJsonBytes32(json, string.concat(value, "[0]")),
            vm.parseUint(vm.parseJsonString(json, string.concat(value, "[1]"))),
            vm.parseJsonBytes32Array(json, string.concat(vector(i), ".proofs['", position, "']"))
        );
    }

    function vector(uint64 i) private pure returns (string memory) {
        return string.concat(".vectors[", vm.toString(i), "]");
    }
}
