// As much of Solidity's ABI (docs.soliditylang.org, "Contract ABI Specification") as SaleAnchor and our hashes need: words, bytes32[].
import { concatBytes } from "@noble/hashes/utils.js";
import { BYTES32, fromHex, type Hex, keccak, keccakHex, toHex, utf8 } from "./bytes.ts";
import { must } from "./errors.ts";

export type Value = string | number | bigint | readonly string[];

const WORD_BYTES = 32;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const INTEGER = /^(0|-?[1-9][0-9]*)$/;

/** A static value's word. A value that its type does not have is Invalid. */
export function word(type: string, value: Value): Uint8Array {
  if (type === "bytes32") {
    must(typeof value === "string" && BYTES32.test(value), "a bytes32 is malformed");
    return fromHex(value);
  }
  if (type === "address") {
    must(typeof value === "string", "an address is malformed");
    return fromHex(
      `0x${address(value)
        .slice(2)
        .padStart(2 * WORD_BYTES, "0")}`,
    );
  }
  return integer(type, value);
}

function integer(type: string, value: Value): Uint8Array {
  const [, sign, size] = /^(u?)int([0-9]+)$/.exec(type) ?? [];
  if (size === undefined) throw new TypeError(`no type of ours: ${type}`);
  must(INTEGER.test(String(value)), `a ${type} is malformed`);
  const n = BigInt(value as string | number | bigint);
  const bits = sign === "u" ? BigInt(size) : BigInt(size) - 1n;
  must(n < 1n << bits && n >= (sign === "u" ? 0n : -(1n << bits)), `a ${type} is out of range`);
  const twosComplement = BigInt.asUintN(8 * WORD_BYTES, n);
  return fromHex(`0x${twosComplement.toString(16).padStart(2 * WORD_BYTES, "0")}`);
}

/** abi.encode: each static value's word, or where a list begins, then the lists. */
export function encode(types: readonly string[], values: readonly Value[]): Uint8Array {
  if (types.length !== values.length) throw new TypeError(`${values.length} values for ${types.length} types`);
  const heads: Uint8Array[] = [];
  const tails: Uint8Array[] = [];
  let offset = WORD_BYTES * types.length;
  types.forEach((type, i) => {
    const value = values[i] as Value;
    if (!type.endsWith("[]")) {
      heads.push(word(type, value));
      return;
    }
    if (!Array.isArray(value)) throw new TypeError(`no list for ${type}`);
    heads.push(word("uint256", offset));
    const list = value as readonly string[];
    const tail = concatBytes(word("uint256", list.length), ...list.map((item) => word(type.slice(0, -2), item)));
    tails.push(tail);
    offset += tail.length;
  });
  return concatBytes(...heads, ...tails);
}

/** The data of a call: the signature's selector and the arguments, such as "contains(uint64,bytes32,uint32,bytes32[])". */
export function encodeCall(signature: string, values: readonly Value[] = []): Hex {
  const types = signature.slice(signature.indexOf("(") + 1, -1);
  const selector = keccak(utf8(signature)).subarray(0, 4);
  return toHex(concatBytes(selector, encode(types === "" ? [] : types.split(","), values)));
}

/** The first topic of an event's log. */
export const topicOf = (signature: string): Hex => keccakHex(utf8(signature));

/** An address with its checksum (EIP-55). One whose letters are of both cases must have it already. */
export function address(text: string): Hex {
  must(ADDRESS.test(text), "an address is malformed");
  const lower = text.slice(2).toLowerCase();
  const hash = keccakHex(utf8(lower)).slice(2);
  const sum = `0x${Array.from(lower, (c, i) => (Number.parseInt(hash.charAt(i), 16) >= 8 ? c.toUpperCase() : c)).join("")}`;
  const body = text.slice(2);
  must(body === lower || body === body.toUpperCase() || text === sum, "an address has a wrong checksum");
  return sum;
}
