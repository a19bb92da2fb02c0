// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A shop's anchored sales
/// @notice One Merkle root for each batch of sales, in a gapless sequence that can only grow.
/// @dev The batches are the entries of one append-only log, a Merkle tree as RFC 9162 section 2.1 defines it, hashed with
/// keccak256: entry n - 1 is keccak256(0x00 || abi.encode(uint64 batchId, bytes32 root, uint32 size)) of batch n, an inner
/// node keccak256(0x01 || left || right). The contract keeps no batch but the log's peaks, from which its root follows;
/// that one root pins every batch there ever was, and paths and consistency proofs are made from the events.
///
/// A batch can be anchored once only, whichever transaction brings it, so the sender may repeat a batch under another
/// nonce without harm. Nothing here can be upgraded, paused, overwritten or skipped.
interface ISaleAnchor {
    /// @notice A batch was anchored; emitted once per batch, in ascending order without gaps.
    /// @param batchId from 1
    /// @param root of the batch's own tree of sales
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

    /// @notice No tree has a zero root: it is a caller's mistake.
    error EmptyRoot();

    /// @notice A batch has at least one leaf.
    error EmptyBatch();

    /// @notice The zero address can never sign: anchoring would stop until the owner noticed.
    error ZeroAnchorer();

    /// @notice Anchors the next batch; the anchorer only.
    /// @dev Reverts with NotAnchorer, WrongBatchId, EmptyRoot or EmptyBatch, checked in this order.
    /// @param batchId must be nextBatchId()
    /// @param root of OpenZeppelin's StandardMerkleTree over [bytes32 saleHash, uint256 amountWei]
    /// @param size the number of leaves, as the anchorer states it
    function anchor(uint64 batchId, bytes32 root, uint32 size) external;

    /// @notice Replaces the key that may anchor; the owner only. What is anchored stays anchored.
    /// @dev Takes effect at once: a batch that the old key still has in flight fails with NotAnchorer.
    /// @param newAnchorer not zero
    function setAnchorer(address newAnchorer) external;

    /// @notice The next batch; 1 on a new contract. The log has nextBatchId() - 1 entries.
    /// @return batchId the only one that anchor() accepts now
    function nextBatchId() external view returns (uint64 batchId);

    /// @notice The root of the log of batches 1 to nextBatchId() - 1.
    /// @return root zero while there is none
    function logRoot() external view returns (bytes32 root);

    /// @notice The key that may anchor.
    /// @return account never zero
    function anchorer() external view returns (address account);

    /// @notice Whether a batch is in the log. False, not an error, for whatever is not.
    /// @param batchId from 1
    /// @param root as it was anchored
    /// @param size as it was anchored
    /// @param path the batch's inclusion path (RFC 9162 section 2.1.3.1) in the log as it is now, from the entry up
    /// @return contained whether the path leads from the batch to logRoot()
    function contains(uint64 batchId, bytes32 root, uint32 size, bytes32[] calldata path)
        external
        view
        returns (bool contained);

    /// @notice Whether a sale is in an anchored batch. False, not an error, for whatever is not.
    /// @param batchId the batch that is claimed to hold the sale
    /// @param size as it was anchored
    /// @param saleHash EIP-712 hashStruct of the sale
    /// @param amountWei the sale's total in wei
    /// @param proof the sibling hashes from the leaf up to the batch's root; empty for a batch of one
    /// @param path as in contains
    /// @return valid whether proof leads from the sale to a root with which the log contains the batch
    function verify(
        uint64 batchId,
        uint32 size,
        bytes32 saleHash,
        uint256 amountWei,
        bytes32[] calldata proof,
        bytes32[] calldata path
    ) external view returns (bool valid);
}
