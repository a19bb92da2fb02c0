// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ISaleAnchor} from "./ISaleAnchor.sol";

/// @title The contract behind ISaleAnchor
/// @notice What each function promises is documented there.
contract SaleAnchor is ISaleAnchor, Ownable2Step {
    // In this order the two share a slot, so that anchor() reads its guards in one load and advances with one store.

    /// @inheritdoc ISaleAnchor
    address public override anchorer;
    /// @inheritdoc ISaleAnchor
    uint64 public override nextBatchId = 1;

    /// @inheritdoc ISaleAnchor
    mapping(uint64 batchId => bytes32 root) public override rootOf;

    /// @notice Neither address can be zero.
    /// @param owner_ may replace the anchorer and hand over ownership; nothing else
    /// @param anchorer_ the key of the anchor service
    constructor(address owner_, address anchorer_) Ownable(owner_) {
        _setAnchorer(anchorer_);
    }

    /// @inheritdoc ISaleAnchor
    function anchor(uint64 batchId, bytes32 root, uint32 size) external override {
        if (msg.sender != anchorer) revert NotAnchorer(msg.sender);
        if (batchId != nextBatchId) revert WrongBatchId(batchId, nextBatchId);
        if (root == 0) revert EmptyRoot();
        if (size == 0) revert EmptyBatch();

        nextBatchId = batchId + 1;
        rootOf[batchId] = root;
        emit BatchAnchored(batchId, root, size);
    }

    /// @inheritdoc ISaleAnchor
    function setAnchorer(address newAnchorer) external override onlyOwner {
        _setAnchorer(newAnchorer);
    }

    /// @notice Always refused: without an owner a stolen or lost anchorer key could never be replaced, and a single
    /// call would undo what the two-step transfer is there for.
    function renounceOwnership() public view override onlyOwner {
        revert OwnableInvalidOwner(address(0));
    }

    /// @inheritdoc ISaleAnchor
    function verify(uint64 batchId, bytes32 saleHash, uint256 amountWei, bytes32[] calldata proof)
        external
        view
        override
        returns (bool)
    {
        bytes32 root = rootOf[batchId];
        if (root == 0) return false;

        // Hashed twice, so that no inner node (64 bytes hashed once) can pass for a leaf; as StandardMerkleTree does.
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(saleHash, amountWei))));
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }

    function _setAnchorer(address newAnchorer) private {
        if (newAnchorer == address(0)) revert ZeroAnchorer();
        emit AnchorerChanged(anchorer, newAnchorer);
        anchorer = newAnchorer;
    }
}
