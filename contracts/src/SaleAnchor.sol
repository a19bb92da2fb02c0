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

    // The log's peaks: peaks[h] is the root of the complete subtree of 2^h batches, and stands while bit h of the number of
    // batches is set. Each height has one slot, overwritten in place: new state is made at the powers of two alone, which is
    // what a chain charges most for (EIP-8037).
    bytes32[64] private peaks;

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
        bytes32 node = entry(batchId, root, size);
        uint256 height = 0;
        // As in adding one to a binary number: each peak that stands at the bottom is carried into the next height.
        for (uint256 count = batchId - 1; count & 1 == 1; count >>= 1) {
            node = parent(peaks[height], node);
            ++height;
        }
        peaks[height] = node;
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
    function verify(
        uint64 batchId,
        uint32 size,
        bytes32 saleHash,
        uint256 amountWei,
        bytes32[] calldata proof,
        bytes32[] calldata path
    ) external view override returns (bool) {
        // Hashed twice, so that no inner node (64 bytes hashed once) can pass for a leaf; as StandardMerkleTree does.
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(saleHash, amountWei))));
        return contains(batchId, MerkleProof.processProofCalldata(proof, leaf), size, path);
    }

    /// @inheritdoc ISaleAnchor
    function contains(uint64 batchId, bytes32 root, uint32 size, bytes32[] calldata path)
        public
        view
        override
        returns (bool)
    {
        if (batchId == 0 || batchId >= nextBatchId) return false;

        // RFC 9162 section 2.1.3.2, with its names: fn is the entry's index and sn the last one's, at the height of node.
        uint256 fn = batchId - 1;
        uint256 sn = nextBatchId - 2;
        bytes32 node = entry(batchId, root, size);
        for (uint256 i = 0; i < path.length; ++i) {
            if (sn == 0) return false;
            if (fn & 1 == 1 || fn == sn) {
                node = parent(path[i], node);
                // The last node of a height that has no sibling there moves up as it is.
                while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            } else {
                node = parent(node, path[i]);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 && node == logRoot();
    }

    /// @inheritdoc ISaleAnchor
    function logRoot() public view override returns (bytes32 root) {
        uint256 count = nextBatchId - 1;
        for (uint256 height = 0; count != 0; ++height) {
            if (count & 1 == 1) root = root == 0 ? peaks[height] : parent(peaks[height], root);
            count >>= 1;
        }
    }

    function _setAnchorer(address newAnchorer) private {
        if (newAnchorer == address(0)) revert ZeroAnchorer();
        emit AnchorerChanged(anchorer, newAnchorer);
        anchorer = newAnchorer;
    }

    function entry(uint64 batchId, bytes32 root, uint32 size) private pure returns (bytes32) {
        return keccak256(bytes.concat(bytes1(0x00), abi.encode(batchId, root, size)));
    }

    function parent(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(bytes.concat(bytes1(0x01), left, right));
    }
}
