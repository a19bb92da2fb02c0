// A batch's tree: OpenZeppelin's StandardMerkleTree over [bytes32 saleHash, uint256 amountWei].
import { encode } from "./abi.ts";
import { fromHex, type Hex, keccak, toHex } from "./bytes.ts";

/** A leaf's hash, hashed twice so that no inner node can pass for one. */
export function leafHash(saleHash: Hex, amountWei: string | bigint): Hex {
  return toHex(keccak(keccak(encode(["bytes32", "uint256"], [saleHash, amountWei]))));
}

/** The root that a proof leads to from a leaf: each pair is hashed with its lesser first. */
export function rootOf(leaf: Hex, proof: readonly Hex[]): Hex {
  return proof.reduce((hash, sibling) => {
    const [less, greater] = hash.toLowerCase() < sibling.toLowerCase() ? [hash, sibling] : [sibling, hash];
    return toHex(keccak(fromHex(less), fromHex(greater)));
  }, leaf);
}
