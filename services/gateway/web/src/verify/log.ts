// The contract's log of batches, written from RFC 9162 section 2.1 with keccak256 as its hash: batch n is entry n-1.
//
// A hash is "0x…", as a proof has it; a path goes from the entry up.
import { encode } from "./abi.ts";
import { fromHex, type Hex, keccak, toHex } from "./bytes.ts";

/** A batch as a proof has it, with decimal texts. */
export interface Batch {
  id: string;
  root: Hex;
  size: string;
}

/** A batch's place in the log as it had a size. */
export interface Inclusion {
  size: string | number | bigint;
  root: Hex;
  path: readonly Hex[];
}

const ENTRY = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** An entry's hash: keccak256(0x00 || abi.encode(uint64 batchId, bytes32 root, uint32 size)). */
export function entry({ id, root, size }: Batch): Hex {
  return toHex(keccak(ENTRY, encode(["uint64", "bytes32", "uint32"], [id, root, size])));
}

/** An inner node's hash. */
export const node = (left: Hex, right: Hex): Hex => toHex(keccak(NODE, fromHex(left), fromHex(right)));

/** MTH of the entries from one to before another (section 2.1.1); of none, as the contract has it. */
export function treeHead(entries: readonly Hex[], from = 0, to = entries.length): Hex {
  const n = to - from;
  if (n === 0) return `0x${"00".repeat(32)}`;
  if (n === 1) return entries[from] as Hex;
  const k = split(n);
  return node(treeHead(entries, from, from + k), treeHead(entries, from + k, to));
}

/** PATH(m, D[n]): the inclusion path of entry m (section 2.1.3.1). */
export function inclusionPath(m: number, entries: readonly Hex[], from = 0, to = entries.length): Hex[] {
  const n = to - from;
  if (!(m >= 0 && m < n)) throw new RangeError(`a log of ${n} has no entry ${m}`);
  if (n === 1) return [];
  const k = split(n);
  return m < k
    ? [...inclusionPath(m, entries, from, from + k), treeHead(entries, from + k, to)]
    : [...inclusionPath(m - k, entries, from + k, to), treeHead(entries, from, from + k)];
}

/** Whether a path leads from a batch to the root of a log of that size (section 2.1.3.2, step by step). */
export function leadsTo(batch: Batch, { size, root, path }: Inclusion): boolean {
  const leafIndex = BigInt(batch.id) - 1n;
  const treeSize = BigInt(size);
  if (leafIndex < 0n || leafIndex >= treeSize) return false; // 1
  let fn = leafIndex; // 2
  let sn = treeSize - 1n;
  let r = entry(batch); // 3
  // 4, with its parts a to c
  for (const p of path) {
    if (sn === 0n) return false; // a
    if (odd(fn) || fn === sn) {
      r = node(p, r); // b
      while (!odd(fn) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = node(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n]; // c
  }
  return sn === 0n && r === root; // 5
}

const odd = (n: bigint) => (n & 1n) === 1n;

// The largest power of two below n, for n > 1.
function split(n: number): number {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
}
