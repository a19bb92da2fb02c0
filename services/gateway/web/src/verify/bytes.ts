// Bytes and how they are written. What can be written in two ways is refused in all but one of them.
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";
import { Invalid, must } from "./errors.ts";

/** Bytes in hexadecimal, such as "0x00ff". */
export type Hex = string;

export const BYTES32 = /^0x[0-9a-f]{64}$/;

export const toHex = (bytes: Uint8Array): Hex => `0x${bytesToHex(bytes)}`;

export function fromHex(hex: string): Uint8Array {
  must(/^0x([0-9a-fA-F]{2})*$/.test(hex), "hexadecimal bytes are malformed");
  return hexToBytes(hex.slice(2));
}

/** keccak256 of one or more parts, one after the other. */
export const keccak = (...parts: Uint8Array[]): Uint8Array => keccak_256(concatBytes(...parts));

/** keccak256 of bytes, in hexadecimal. */
export const keccakHex = (bytes: Uint8Array): Hex => toHex(keccak_256(bytes));

/** A text's UTF-8. A lone surrogate has none, and an encoder would write any of them alike. */
export function utf8(text: string): Uint8Array {
  must(!/\p{Cs}/u.test(text), "a text has a lone surrogate");
  return new TextEncoder().encode(text);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of UTF-8, and of nothing else. */
export function fromUTF8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Invalid("a text is not UTF-8");
  }
}

/** The bytes of base64 with its padding, or undefined: what is left over in the last character must be zero (RFC 4648, section 3.5). */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  const binary = atob(text);
  return btoa(binary) === text ? Uint8Array.from(binary, (c) => c.charCodeAt(0)) : undefined;
}

/** The bytes of base64url without padding, or undefined, likewise in the one form that they have. */
export function fromBase64URL(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  return fromBase64(text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4));
}

export function toBase64URL(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
