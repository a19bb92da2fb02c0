// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {ANCHORER, OWNER, check, vm} from "./Vm.sol";

/// @dev What a batch costs for as long as the shop runs. foundry.toml's isolate makes each call a transaction of its
/// own: gas includes the 21,000 and the calldata, and starts from cold storage.
contract GasTest {
    uint256 private constant STEADY_GAS_MAX = 52_000;

    SaleAnchor private anchor;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
        vm.prank(ANCHORER);
        anchor.anchor(1, keccak256("first"), 4096);
    }

    function test_AnchoringABatchStaysCheap() public {
        vm.prank(ANCHORER);
        anchor.anchor(2, bytes32(type(uint256).max), type(uint32).max);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        check(gas > 43_000, "a new slot and 21,000 are missing: is isolate off?");
        check(gas <= STEADY_GAS_MAX, string.concat("gas of anchor(): ", vm.toString(gas)));
    }

    function test_TheFirstBatchCostsNoMore() public {
        SaleAnchor fresh = new SaleAnchor(OWNER, ANCHORER);
        vm.prank(ANCHORER);
        fresh.anchor(1, bytes32(type(uint256).max), 4096);
        check(vm.lastCallGas().gasTotalUsed <= STEADY_GAS_MAX, "first batch");
    }

    function test_TheGuardIsOneSlot() public view {
        bytes32 slot = vm.load(address(anchor), bytes32(uint256(2)));
        check(slot == bytes32(uint256(2) << 160 | uint160(ANCHORER)), "anchorer and nextBatchId share slot 2");
    }
}
