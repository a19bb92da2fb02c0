// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ISaleAnchor} from "../src/ISaleAnchor.sol";
import {SaleAnchor} from "../src/SaleAnchor.sol";
import {Batches} from "./Batches.sol";
import {Rfc9162} from "./Rfc9162.sol";
import {ANCHORER, OWNER, STRANGER, check, vm} from "./Vm.sol";

contract SaleAnchorTest {
    bytes32 private constant ROOT = keccak256("a batch");
    bytes32 private constant OTHER = keccak256("another batch");

    SaleAnchor private anchor;

    function setUp() public {
        anchor = new SaleAnchor(OWNER, ANCHORER);
    }

    // Deployment

    function test_ANewContractWaitsForBatchOne() public view {
        check(anchor.nextBatchId() == 1, "next");
        check(anchor.owner() == OWNER, "owner");
        check(anchor.anchorer() == ANCHORER, "anchorer");
        check(anchor.logRoot() == 0, "root of the log");
    }

    function test_DeploymentSaysWhoMayAnchor() public {
        vm.expectEmit();
        emit ISaleAnchor.AnchorerChanged(address(0), ANCHORER);
        new SaleAnchor(OWNER, ANCHORER);
    }

    function test_DeploymentNeedsAnOwnerAndAnAnchorer() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new SaleAnchor(address(0), ANCHORER);
        vm.expectRevert(abi.encodeWithSelector(ISaleAnchor.ZeroAnchorer.selector));
        new SaleAnchor(OWNER, address(0));
    }

    function test_TheCodeTestedHereIsTheCodeThatShips() public view {
        bytes memory shipped = vm.parseBytes(vm.trim(vm.readFile("binding/SaleAnchor.bin-runtime")));
        check(keccak256(address(anchor).code) == keccak256(shipped), "run: npm run generate");
    }

    // Anchoring

    function test_ABatchIsKeptAndAnnounced() public {
        vm.expectEmit(address(anchor));
        emit ISaleAnchor.BatchAnchored(1, ROOT, 873);
        vm.prank(ANCHORER);
        anchor.anchor(1, ROOT, 873);

        check(anchor.nextBatchId() == 2, "next");
        check(anchor.logRoot() == Rfc9162.entry(1, ROOT, 873), "a log of one is its entry");
        check(anchor.contains(1, ROOT, 873, new bytes32[](0)), "contained");
    }

    function test_ABatchIsAnnouncedAsItWasGiven() public {
        vm.prank(ANCHORER);
        anchor.anchor(1, ROOT, 1);
        vm.expectEmit(address(anchor));
        emit ISaleAnchor.BatchAnchored(2, bytes32(type(uint256).max), type(uint32).max);
        vm.prank(ANCHORER);
        anchor.anchor(2, bytes32(type(uint256).max), type(uint32).max);
    }

    function test_TheSameTreeTwiceIsTwoBatches() public {
        for (uint64 id = 1; id <= 2; ++id) {
            vm.prank(ANCHORER);
            anchor.anchor(id, ROOT, 4);
        }
        bytes32[] memory path = new bytes32[](1);
        path[0] = Rfc9162.entry(2, ROOT, 4);
        check(anchor.contains(1, ROOT, 4, path) && !anchor.contains(2, ROOT, 4, path), "the first");
        path[0] = Rfc9162.entry(1, ROOT, 4);
        check(anchor.contains(2, ROOT, 4, path) && !anchor.contains(1, ROOT, 4, path), "the second");
    }

    function test_OnlyTheAnchorerAnchors() public {
        refuses(OWNER, 1, ROOT, 1, abi.encodeWithSelector(ISaleAnchor.NotAnchorer.selector, OWNER));
        refuses(STRANGER, 1, ROOT, 1, abi.encodeWithSelector(ISaleAnchor.NotAnchorer.selector, STRANGER));
    }

    function test_ABatchSentAgainChangesNothing() public {
        vm.prank(ANCHORER);
        anchor.anchor(1, ROOT, 4);

        refuses(ANCHORER, 1, ROOT, 4, abi.encodeWithSelector(ISaleAnchor.WrongBatchId.selector, 1, 2));
        refuses(ANCHORER, 1, OTHER, 4, abi.encodeWithSelector(ISaleAnchor.WrongBatchId.selector, 1, 2));
        check(anchor.contains(1, ROOT, 4, new bytes32[](0)), "the first stands");
        check(!anchor.contains(1, OTHER, 4, new bytes32[](0)), "the other never was");
    }

    function test_NoBatchIsSkipped() public {
        refuses(ANCHORER, 0, ROOT, 1, abi.encodeWithSelector(ISaleAnchor.WrongBatchId.selector, 0, 1));
        refuses(ANCHORER, 2, ROOT, 1, abi.encodeWithSelector(ISaleAnchor.WrongBatchId.selector, 2, 1));
        refuses(
            ANCHORER,
            type(uint64).max,
            ROOT,
            1,
            abi.encodeWithSelector(ISaleAnchor.WrongBatchId.selector, type(uint64).max, 1)
        );
    }

    function test_AnEmptyRootOrBatchIsRefused() public {
        refuses(ANCHORER, 1, 0, 1, abi.encodeWithSelector(ISaleAnchor.EmptyRoot.selector));
        refuses(ANCHORER, 1, ROOT, 0, abi.encodeWithSelector(ISaleAnchor.EmptyBatch.selector));
    }

    /// @dev The interface names the order, and who sends a batch decides by the error what to do about it.
    function test_TheFirstOfSeveralReasonsIsGiven() public {
        refuses(STRANGER, 2, 0, 0, abi.encodeWithSelector(ISaleAnchor.NotAnchorer.selector, STRANGER));
        refuses(ANCHORER, 2, 0, 0, abi.encodeWithSelector(ISaleAnchor.WrongBatchId.selector, 2, 1));
        refuses(ANCHORER, 1, 0, 0, abi.encodeWithSelector(ISaleAnchor.EmptyRoot.selector));
    }

    function test_EtherIsRefused() public {
        vm.deal(address(this), 1 ether);
        (bool plain,) = address(anchor).call{value: 1}("");
        check(!plain, "a plain transfer was taken");
        vm.deal(ANCHORER, 1 ether);
        vm.prank(ANCHORER);
        (bool paid,) = address(anchor).call{value: 1}(abi.encodeCall(ISaleAnchor.anchor, (1, ROOT, 1)));
        check(!paid, "a paid anchor() was taken");
    }

    // The anchorer

    function test_TheOwnerReplacesTheAnchorer() public {
        vm.expectEmit(address(anchor));
        emit ISaleAnchor.AnchorerChanged(ANCHORER, STRANGER);
        vm.prank(OWNER);
        anchor.setAnchorer(STRANGER);

        check(anchor.anchorer() == STRANGER && anchor.nextBatchId() == 1, "state");
        refuses(ANCHORER, 1, ROOT, 1, abi.encodeWithSelector(ISaleAnchor.NotAnchorer.selector, ANCHORER));
        vm.prank(STRANGER);
        anchor.anchor(1, ROOT, 1);
    }

    function test_ReplacingTheAnchorerKeepsWhatIsAnchored() public {
        vm.prank(ANCHORER);
        anchor.anchor(1, ROOT, 1);
        vm.prank(OWNER);
        anchor.setAnchorer(STRANGER);
        check(anchor.contains(1, ROOT, 1, new bytes32[](0)) && anchor.nextBatchId() == 2, "state");
    }

    function test_OnlyTheOwnerReplacesTheAnchorer() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ANCHORER));
        vm.prank(ANCHORER);
        anchor.setAnchorer(STRANGER);
    }

    function test_TheZeroAnchorerIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(ISaleAnchor.ZeroAnchorer.selector));
        vm.prank(OWNER);
        anchor.setAnchorer(address(0));
        check(anchor.anchorer() == ANCHORER, "anchorer");
    }

    // Ownership

    function test_OwnershipIsHandedOverInTwoSteps() public {
        vm.expectEmit(address(anchor));
        emit Ownable2Step.OwnershipTransferStarted(OWNER, STRANGER);
        vm.prank(OWNER);
        anchor.transferOwnership(STRANGER);
        check(anchor.owner() == OWNER && anchor.pendingOwner() == STRANGER, "half way");

        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ANCHORER));
        vm.prank(ANCHORER);
        anchor.acceptOwnership();

        vm.expectEmit(address(anchor));
        emit Ownable.OwnershipTransferred(OWNER, STRANGER);
        vm.prank(STRANGER);
        anchor.acceptOwnership();
        check(anchor.owner() == STRANGER && anchor.pendingOwner() == address(0), "done");
        check(anchor.anchorer() == ANCHORER && anchor.nextBatchId() == 1, "the rest");
    }

    function test_OnlyTheOwnerHandsOver() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER));
        vm.prank(STRANGER);
        anchor.transferOwnership(STRANGER);
    }

    function test_OwnershipCannotBeGivenUp() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        vm.prank(OWNER);
        anchor.renounceOwnership();
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER));
        vm.prank(STRANGER);
        anchor.renounceOwnership();
        check(anchor.owner() == OWNER, "owner");
    }

    // Any input

    function testFuzz_OnlyTheAnchorerAnchors(address caller, uint64 batchId, bytes32 root, uint32 size) public {
        vm.assume(caller != ANCHORER);
        refuses(caller, batchId, root, size, abi.encodeWithSelector(ISaleAnchor.NotAnchorer.selector, caller));
    }

    function testFuzz_OnlyTheNextBatchIsTaken(uint8 anchored, uint64 batchId, bytes32 root, uint32 size) public {
        Batches.anchorUpTo(anchor, ROOT, anchored);
        uint64 next = uint64(anchored) + 1;
        vm.assume(batchId != next);
        refuses(ANCHORER, batchId, root, size, abi.encodeWithSelector(ISaleAnchor.WrongBatchId.selector, batchId, next));
    }

    function testFuzz_OnlyTheOwnerReplacesTheAnchorer(address caller, address anchorer) public {
        vm.assume(caller != OWNER);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        vm.prank(caller);
        anchor.setAnchorer(anchorer);
    }

    function refuses(address caller, uint64 batchId, bytes32 root, uint32 size, bytes memory reason) private {
        uint64 next = anchor.nextBatchId();
        bytes32 before = anchor.logRoot();
        vm.expectRevert(reason);
        vm.prank(caller);
        anchor.anchor(batchId, root, size);
        check(anchor.nextBatchId() == next && anchor.logRoot() == before, "a refused call left a trace");
    }
}
