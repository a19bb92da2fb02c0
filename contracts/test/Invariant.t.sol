// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SaleAnchor} from "../src/SaleAnchor.sol";
import {ANCHORER, OWNER, STRANGER, check, vm} from "./Vm.sol";

/// @title Anyone's calls in any order, and a second record of what the rules make of them
/// @dev Who owns and who anchors is derived here from what was called and by whom, never from the contract's answers.
contract Crowd {
    SaleAnchor public immutable ANCHOR;
    address[] private people = [OWNER, ANCHORER, STRANGER, address(0xCAFE), address(0xFEE)];

    // What the rules demand.
    address public owner = OWNER;
    address public pendingOwner;
    address public anchorer = ANCHORER;

    // What happened.
    uint256 public taken;
    uint256 public takenFromOthers;
    uint256 public takenOutOfOrder;
    uint256 public refusedInOrder;
    uint64 public lastTried;
    uint64[] private seen;
    mapping(uint64 batchId => bytes32 root) public firstRoot;

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

    function batchesSeen() external view returns (uint64[] memory) {
        return seen;
    }

    function attempt(uint8 who, uint64 batchId, bytes32 root, uint32 size) private {
        address caller = person(who, anchorer);
        bool inOrder = caller == anchorer && batchId == taken + 1 && root != 0 && size != 0;
        lastTried = batchId;
        vm.prank(caller);
        try ANCHOR.anchor(batchId, root, size) {
            ++taken;
            if (!inOrder) ++takenOutOfOrder;
            if (caller != anchorer) ++takenFromOthers;
            if (firstRoot[batchId] != 0) return;
            firstRoot[batchId] = root;
            seen.push(batchId);
        } catch {
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
        check(anchor.nextBatchId() == 1 + crowd.taken(), "a batch was skipped or taken twice");
    }

    function invariant_ARootNeverChanges() public view {
        uint64[] memory seen = crowd.batchesSeen();
        for (uint256 i = 0; i < seen.length; ++i) {
            check(anchor.rootOf(seen[i]) == crowd.firstRoot(seen[i]), "a root changed");
        }
    }

    function invariant_ARootStandsExactlyBelowTheNextId() public view {
        uint64 next = anchor.nextBatchId();
        for (uint64 id = 1; id < next; ++id) {
            check(anchor.rootOf(id) != 0, "a batch without a root");
        }
        check(anchor.rootOf(0) == 0, "a root for batch 0");
        check(anchor.rootOf(next) == 0 && anchor.rootOf(next + 1) == 0, "a root for a batch to come");
        check(crowd.lastTried() < next || anchor.rootOf(crowd.lastTried()) == 0, "a root for a batch that was refused");
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
        check(crowd.taken() == 1 && anchor.rootOf(1) == keccak256("a batch"), "anchored");
        crowd.setAnchorer(0, 32);
        check(anchor.anchorer() == crowd.anchorer() && anchor.anchorer() != ANCHORER, "replaced");
        crowd.transferOwnership(0, 32);
        crowd.acceptOwnership(0);
        check(anchor.owner() == crowd.owner() && anchor.owner() != OWNER, "handed over");
    }
}
