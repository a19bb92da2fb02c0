// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {Batches} from "./Batches.sol";
import {ANCHORER, OWNER, check, vm} from "./Vm.sol";

/// @dev What a batch costs for as long as the shop runs. foundry.toml's isolate makes each call a transaction of its
/// own: gas includes the 21,000 and the calldata, and starts from cold storage. binding/gas_test.go has every batch up
/// to 1,024 under the rules of two forks.
contract GasTest {
    uint256 private constant CHEAPEST_GAS_MAX = 35_000;
    uint256 private constant MERGED_PEAK_GAS_MAX = 2_520;
    uint256 private constant NEW_SLOT_GAS = 17_100; // an SSTORE from zero (22,100) less one from another value (5,000)
    bytes32 private constant WORST_ROOT = bytes32(type(uint256).max);
    uint32 private constant WORST_SIZE = 4095; // no byte of it is zero

    SaleAnchor private anchor;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
        Batches.anchorUpTo(anchor, 0, 11);
    }

    /// @dev Every second batch: its own slot and the guard, both written before.
    function test_TheCheapestBatchWritesTwoOldSlots() public {
        anchorUpTo(12);
        uint256 gas = anchorNext(13);
        check(gas > 21_000 + 2 * 5_000, "two slots and 21,000 are missing: is isolate off?");
        check(gas <= CHEAPEST_GAS_MAX, string.concat("gas of batch 13: ", vm.toString(gas)));
    }

    function test_ABatchPaysForEachPeakThatItMerges() public {
        uint256 gas = anchorNext(12);
        check(gas <= CHEAPEST_GAS_MAX + 2 * MERGED_PEAK_GAS_MAX, string.concat("gas of batch 12: ", vm.toString(gas)));
    }

    function test_APowerOfTwoMergesEveryPeakAndMakesASlot() public {
        anchorUpTo(15);
        uint256 gas = anchorNext(16);
        check(gas > CHEAPEST_GAS_MAX + NEW_SLOT_GAS, "the new slot is missing");
        check(
            gas <= CHEAPEST_GAS_MAX + 4 * MERGED_PEAK_GAS_MAX + NEW_SLOT_GAS,
            string.concat("gas of batch 16: ", vm.toString(gas))
        );
    }

    function test_TheFirstBatchMakesASlot() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
        uint256 gas = anchorNext(1);
        check(gas <= CHEAPEST_GAS_MAX + NEW_SLOT_GAS, string.concat("gas of batch 1: ", vm.toString(gas)));
    }

    function anchorUpTo(uint64 last) private {
        Batches.anchorUpTo(anchor, 0, last);
    }

    function anchorNext(uint64 id) private returns (uint256) {
        vm.prank(ANCHORER);
        anchor.anchor(id, WORST_ROOT, WORST_SIZE);
        return vm.lastCallGas().gasTotalUsed;
    }
}
