// The contract's log of batches, written from RFC 9162 section 2.1 with keccak256 as its hash: batch n is entry n-1.
//
// A batch is { id, root, size } and a hash "0x…", as a proof has them; a path goes from the entry up.
import { AbiCoder, concat, keccak256 } from "ethers";

/** An entry's hash: keccak256(0x00 || abi.encode(uint64 batchId, bytes32 root, uint32 size)). */
export function entry({ id, root, size }) {
  return keccak256(concat(["0x00", AbiCoder.defaultAbiCoder().encode(["uint64", "bytes32", "uint32"], [id, root, size])]));
}

/** An inner node's hash. */
export const node = (left, right) => keccak256(concat(["0x01", left, right]));

/** MTH of the entries from one to before another (section 2.1.1); of none, as the contract has it. */
export function treeHead(entries, from = 0, to = entries.length) {
  const n = to - from;
  if (n === 0) return `0x${"00".repeat(32)}`;
  if (n === 1) return entries[from];
  const k = split(n);
  return node(treeHead(entries, from, from + k), treeHead(entries, from + k, to));
}

/** PATH(m, D[n]): the inclusion path of entry m (section 2.1.3.1). */
export function inclusionPath(m, entries, from = 0, to = entries.length) {
  const n = to - from;
  if (n === 1) return [];
  const k = split(n);
  return m < k
    ? [...inclusionPath(m, entries, from, from + k), treeHead(entries, from + k, to)]
    : [...inclusionPath(m - k, entries, from + k, to), treeHead(entries, from, from + k)];
}

/** Whether a path leads from a batch to the root of a log of that size (section 2.1.3.2, step by step). */
export function leadsTo(batch, { size, root, path }) {
  const leafIndex = BigInt(batch.id) - 1n;
  const treeSize = BigInt(size);
  if (leafIndex < 0n || leafIndex >= treeSize) return false; // 1
  let fn = leafIndex; // 2
  let sn = treeSize - 1n;
  let r = entry(batch); // 3
  for (const p of path) { // 4
    if (sn === 0n) return false; // 4.a
    if (odd(fn) || fn === sn) { // 4.b
      r = node(p, r);
      while (!odd(fn) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = node(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n]; // 4.c
  }
  return sn === 0n && r === root; // 5
}

const odd = (n) => (n & 1n) === 1n;

// The largest power of two below n, for n > 1.
function split(n) {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
}
