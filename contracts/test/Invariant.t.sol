// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {Rfc9162} from "./Rfc9162.sol";
import {ANCHORER, OWNER, STRANGER, check, vm} from "./Vm.sol";

/// @title Anyone's calls in any order, and a second record of what the rules make of them
/// @dev Who owns and who anchors is derived here from what was called and by whom, never from the contract's answers.
contract Crowd {
    struct Batch {
        uint64 id;
        uint32 size;
        bytes32 root;
    }

    SaleAnchor public immutable ANCHOR;
    address[] private people = [OWNER, ANCHORER, STRANGER, address(0xCAFE), address(0xFEE)];

    // What the rules demand.
    address public owner = OWNER;
    address public pendingOwner;
    address public anchorer = ANCHORER;

    // What happened.
    uint256 public takenFromOthers;
    uint256 public takenOutOfOrder;
    uint256 public refusedInOrder;
    Batch[] private batches;
    Batch private lastRefused;

    constructor(SaleAnchor anchor_) {
        ANCHOR = anchor_;
    }

    function anchor(uint8 who, uint8 which, bytes32 root, uint32 size) external {
        // Mostly the next batch, else one near it: a skipped, a repeated or the first one.
        uint64 next = ANCHOR.nextBatchId();
        attempt(who, which < 160 ? next : which < 192 ? next + 1 : which < 224 ? next - 1 : 1, root, size);
    }

    function anchorAnyBatch(uint8 who, uint64 batchId, bytes32 root, uint32 size) external {
        attempt(who, batchId, root, size);
    }

    /// @dev The log would stay small if every batch were left to chance.
    function anchorSeveral(uint8 count, bytes32 seed) external {
        for (uint256 i = 0; i < count % 8; ++i) {
            attempt(0, ANCHOR.nextBatchId(), keccak256(abi.encode(seed, i)), 1 + uint32(i));
        }
    }

    function anchorNothing(uint8 who, bytes32 root, uint32 size, bool noRoot) external {
        attempt(who, ANCHOR.nextBatchId(), noRoot ? bytes32(0) : root, noRoot ? size : 0);
    }

    function setAnchorer(uint8 who, uint8 whom) external {
        (address caller, address to) = (person(who, owner), personOrZero(whom));
        vm.prank(caller);
        try ANCHOR.setAnchorer(to) {} catch {}
        if (caller == owner && to != address(0)) anchorer = to;
    }

    function transferOwnership(uint8 who, uint8 whom) external {
        (address caller, address to) = (person(who, owner), personOrZero(whom));
        vm.prank(caller);
        try ANCHOR.transferOwnership(to) {} catch {}
        if (caller == owner) pendingOwner = to;
    }

    function acceptOwnership(uint8 who) external {
        address caller = person(who, pendingOwner);
        vm.prank(caller);
        try ANCHOR.acceptOwnership() {} catch {}
        if (caller == pendingOwner) (owner, pendingOwner) = (caller, address(0));
    }

    function renounceOwnership(uint8 who) external {
        vm.prank(person(who, owner));
        try ANCHOR.renounceOwnership() {} catch {}
    }

    /// @notice The batches that were taken, in the order of taking.
    function taken() external view returns (Batch[] memory) {
        return batches;
    }

    function refused() external view returns (Batch memory) {
        return lastRefused;
    }

    function attempt(uint8 who, uint64 batchId, bytes32 root, uint32 size) private {
        address caller = person(who, anchorer);
        bool inOrder = caller == anchorer && batchId == batches.length + 1 && root != 0 && size != 0;
        vm.prank(caller);
        try ANCHOR.anchor(batchId, root, size) {
            batches.push(Batch(batchId, size, root));
            if (!inOrder) ++takenOutOfOrder;
            if (caller != anchorer) ++takenFromOthers;
        } catch {
            lastRefused = Batch(batchId, size, root);
            if (inOrder) ++refusedInOrder;
        }
    }

    // The one that may, half of the time. Never the zero address: no key signs as it, though OpenZeppelin would let it.
    function person(uint8 who, address entitled) private view returns (address) {
        return who < 128 && entitled != address(0) ? entitled : people[who % people.length];
    }

    function personOrZero(uint8 whom) private view returns (address) {
        return whom < 32 ? address(0) : people[whom % people.length];
    }
}

contract InvariantTest {
    using Rfc9162 for bytes32[];

    SaleAnchor private anchor;
    Crowd private crowd;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
        crowd = new Crowd(anchor);
    }

    /// @dev forge asks this for what to call.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    function invariant_IdsAreDense() public view {
        Crowd.Batch[] memory batches = crowd.taken();
        check(anchor.nextBatchId() == 1 + batches.length, "a batch was skipped or taken twice");
        for (uint256 i = 0; i < batches.length; ++i) {
            check(batches[i].id == i + 1, "a batch out of order");
        }
    }

    function invariant_TheLogIsThatOfTheBatchesTaken() public view {
        bytes32[] memory entries = entriesOf(crowd.taken());
        check(anchor.logRoot() == (entries.length == 0 ? bytes32(0) : entries.mth()), "root of the log");
    }

    /// @dev After each call the oldest batch, the latest and one more that changes with the log; at the end every one.
    function invariant_NothingIsForgottenOrReplaced() public view {
        Crowd.Batch[] memory batches = crowd.taken();
        if (batches.length == 0) return;
        bytes32[] memory entries = entriesOf(batches);
        stands(batches[0], entries);
        stands(batches[batches.length - 1], entries);
        stands(batches[uint256(anchor.logRoot()) % batches.length], entries);
    }

    function invariant_WhatWasRefusedIsNotInTheLog() public view {
        Crowd.Batch[] memory batches = crowd.taken();
        Crowd.Batch memory b = crowd.refused();
        bytes32[] memory path = new bytes32[](0);
        if (b.id != 0 && b.id <= batches.length) {
            if (keccak256(abi.encode(b)) == keccak256(abi.encode(batches[b.id - 1]))) return;
            path = Rfc9162.path(b.id - 1, entriesOf(batches));
        }
        check(!anchor.contains(b.id, b.root, b.size, path), "a refused batch is contained");
    }

    /// @dev forge calls this once after each sequence of calls.
    function afterInvariant() public view {
        Crowd.Batch[] memory batches = crowd.taken();
        bytes32[] memory entries = entriesOf(batches);
        for (uint256 i = 0; i < batches.length; ++i) {
            stands(batches[i], entries);
        }
    }

    function invariant_NobodyButTheAnchorerAnchors() public view {
        check(crowd.takenFromOthers() == 0, "somebody else anchored");
    }

    function invariant_TheAnchorersNextBatchAndNoOtherIsTaken() public view {
        check(crowd.refusedInOrder() == 0, "the next batch was refused");
        check(crowd.takenOutOfOrder() == 0, "another batch, or an empty one, was taken");
    }

    function invariant_OnlyTheOwnerReplacesTheAnchorer() public view {
        check(anchor.anchorer() == crowd.anchorer(), "anchorer");
    }

    function invariant_OwnershipMovesInTwoStepsOnly() public view {
        check(anchor.owner() == crowd.owner(), "owner");
        check(anchor.pendingOwner() == crowd.pendingOwner(), "pending owner");
    }

    /// @dev The invariants would also hold if no call ever succeeded.
    function test_TheCrowdGetsSomethingDone() public {
        crowd.anchor(0, 0, keccak256("a batch"), 1);
        check(anchor.contains(1, keccak256("a batch"), 1, new bytes32[](0)), "anchored");
        crowd.anchorSeveral(7, "seven");
        check(crowd.taken().length == 8 && anchor.nextBatchId() == 9, "eight batches");
        crowd.anchor(0, 255, keccak256("another batch"), 1);
        check(crowd.taken().length == 8 && crowd.refused().id == 1, "refused");
        invariant_TheLogIsThatOfTheBatchesTaken();
        afterInvariant();

        crowd.setAnchorer(0, 32);
        check(anchor.anchorer() == crowd.anchorer() && anchor.anchorer() != ANCHORER, "replaced");
        crowd.transferOwnership(0, 32);
        crowd.acceptOwnership(0);
        check(anchor.owner() == crowd.owner() && anchor.owner() != OWNER, "handed over");
    }

    function stands(Crowd.Batch memory b, bytes32[] memory entries) private view {
        bytes32[] memory path = Rfc9162.path(b.id - 1, entries);
        check(anchor.contains(b.id, b.root, b.size, path), "a batch was forgotten");
        check(!anchor.contains(b.id, ~b.root, b.size, path), "another root in its place");
        check(!anchor.contains(b.id, b.root, ~b.size, path), "another size in its place");
    }

    function entriesOf(Crowd.Batch[] memory batches) private pure returns (bytes32[] memory entries) {
        entries = new bytes32[](batches.length);
        for (uint256 i = 0; i < batches.length; ++i) {
            entries[i] = Rfc9162.entry(batches[i].id, batches[i].root, batches[i].size);
        }
    }
}
