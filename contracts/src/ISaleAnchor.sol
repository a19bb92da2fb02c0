// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A shop's anchored sales
/// @notice One Merkle root for each batch of sales, in a gapless sequence, written once and never changed.
/// @dev A batch can be anchored once only, whichever transaction brings it, so the sender may repeat a batch under
/// another nonce without harm. Nothing here can be upgraded, paused, overwritten or skipped.
interface ISaleAnchor {
    /// @notice A batch was anchored; emitted once per batch, in ascending order without gaps.
    /// @param batchId from 1
    /// @param root what rootOf(batchId) answers from now on
    /// @param size the number of leaves under the root, as the anchorer states it; the contract cannot count them
    event BatchAnchored(uint64 indexed batchId, bytes32 indexed root, uint32 size);

    /// @notice The key that may anchor was replaced.
    /// @param from zero at deployment
    /// @param to never zero
    event AnchorerChanged(address indexed from, address indexed to);

    /// @notice Only the anchorer may anchor; not even the owner.
    /// @param caller the account that tried
    error NotAnchorer(address caller);

    /// @notice The batch is not the next one; given below expected means that it was anchored before.
    /// @param given the batch in the call
    /// @param expected nextBatchId() at that moment
    error WrongBatchId(uint64 given, uint64 expected);

    /// @notice A zero root would read as "not anchored".
    error EmptyRoot();

    /// @notice A batch has at least one leaf.
    error EmptyBatch();

    /// @notice The zero address can never sign: anchoring would stop until the owner noticed.
    error ZeroAnchorer();

    /// @notice Anchors the next batch; the anchorer only.
    /// @dev Reverts with NotAnchorer, WrongBatchId, EmptyRoot or EmptyBatch, checked in this order.
    /// @param batchId must be nextBatchId()
    /// @param root of OpenZeppelin's StandardMerkleTree over [bytes32 saleHash, uint256 amountWei]
    /// @param size the number of leaves; only in the event
    function anchor(uint64 batchId, bytes32 root, uint32 size) external;

    /// @notice Replaces the key that may anchor; the owner only. What is anchored stays anchored.
    /// @dev Takes effect at once: a batch that the old key still has in flight fails with NotAnchorer.
    /// @param newAnchorer not zero
    function setAnchorer(address newAnchorer) external;

    /// @notice The next batch; 1 on a new contract. There are roots for exactly 1 to nextBatchId() - 1.
    /// @return batchId the only one that anchor() accepts now
    function nextBatchId() external view returns (uint64 batchId);

    /// @notice The key that may anchor.
    /// @return account never zero
    function anchorer() external view returns (address account);

    /// @notice The root of a batch; zero while it is not anchored.
    /// @param batchId from 1
    /// @return root once it is not zero, it never changes
    function rootOf(uint64 batchId) external view returns (bytes32 root);

    /// @notice Whether a sale is in an anchored batch; false, not an error, for a batch that is not anchored.
    /// @param batchId the batch that is claimed to hold the sale
    /// @param saleHash EIP-712 hashStruct of the sale
    /// @param amountWei the sale's total in wei
    /// @param proof the sibling hashes from the leaf up to the root; empty for a batch of one
    /// @return valid whether they lead from the sale to rootOf(batchId)
    function verify(uint64 batchId, bytes32 saleHash, uint256 amountWei, bytes32[] calldata proof)
        external
        view
        returns (bool valid);
}
