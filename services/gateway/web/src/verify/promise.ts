// The shop's promise: a compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037).
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { address } from "./abi.ts";
import { BYTES32, fromBase64URL, fromUTF8, type Hex, toBase64URL, utf8 } from "./bytes.ts";
import type { Context } from "./context.ts";
import { isObject, must, Skipped } from "./errors.ts";
import { parseContract } from "./given.ts";
import { parseJSON } from "./json.ts";
import type { Proof } from "./proof.ts";

const PROMISE_BYTES_MAX = 4096;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** What a sale's promise says; times are Unix seconds. */
export interface Claims {
  iss: string;
  sub: string;
  sale_hash: Hex;
  store_id: string;
  terminal_id: string;
  record_number: number;
  iat: number;
  anchor_by: number;
  chain_id?: string;
  contract?: Hex;
}

/** The shop's keys, as its /.well-known/jwks.json has them (RFC 7517). */
export interface JWKS {
  keys: Record<string, unknown>[];
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const CLAIMS: Record<string, (value: unknown) => boolean> = {
  iss: isText,
  sub: isText,
  sale_hash: (value) => isText(value) && BYTES32.test(value),
  store_id: isText,
  terminal_id: isText,
  record_number: (value) => isCount(value) && value > 0,
  iat: isCount,
  anchor_by: isCount,
};

// Where the shop names its contract, it names both.
const PLACE: Record<string, (value: unknown) => boolean> = {
  chain_id: (value) => isText(value) && /^[1-9][0-9]{0,77}$/.test(value),
  contract: (value) => isText(value) && /^0x[0-9a-fA-F]{40}$/.test(value) && address(value.toLowerCase()) === value,
};

// The one way to write these bytes.
function bytesOf(part: string, name: string): Uint8Array {
  const bytes = part === "" ? undefined : fromBase64URL(part);
  must(bytes !== undefined, `the promise's ${name} is not base64url`);
  return bytes;
}

function object(part: string, name: string, members: string[]): Record<string, unknown> {
  const value = parseJSON(fromUTF8(bytesOf(part, name)));
  must(isObject(value), `the promise's ${name} is not an object`);
  const known = Object.keys(value).every((member) => members.includes(member));
  must(known, `the promise's ${name} has a member that is none of ${members.join(", ")}`);
  return value;
}

function readClaims(part: string): Claims {
  const claims = object(part, "payload", [...Object.keys(CLAIMS), ...Object.keys(PLACE)]);
  const named = Object.keys(PLACE).some((name) => name in claims);
  for (const [name, fits] of Object.entries({ ...CLAIMS, ...(named ? PLACE : {}) })) {
    must(fits(claims[name]), `${name} of the promise's payload is malformed`);
  }
  const said = claims as unknown as Claims;
  must(said.anchor_by >= said.iat, "the promise is due before it was made");
  return said;
}

/** The thumbprint of an Ed25519 key (RFC 7638). */
const thumbprint = (x: string) => toBase64URL(sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)));

// Keys that could not have signed a promise are passed over (RFC 7517, section 5).
function publicKey(key: Record<string, unknown>): Uint8Array | undefined {
  const { x } = key;
  if (key.kty !== "OKP" || key.crv !== "Ed25519" || key.alg !== "EdDSA" || key.use !== "sig" || !isText(x)) return undefined;
  const bytes = fromBase64URL(x);
  if (bytes?.length !== KEY_BYTES || key.kid !== thumbprint(x)) return undefined;
  return isWeak(bytes) ? undefined : bytes;
}

// For a point whose order divides 8 anybody can sign; and a point must be written in its canonical form (RFC 8032, section 5.1.3).
function isWeak(bytes: Uint8Array): boolean {
  try {
    return ed25519.Point.fromBytes(bytes, false).isSmallOrder();
  } catch {
    return true;
  }
}

/** Reads a set of keys. Throws Invalid; also where a private half is shown, for whatever such a key signed proves nothing. */
export function parseKeys(text: string): JWKS {
  const set = parseJSON(text);
  must(isObject(set) && Array.isArray(set.keys), "not a set of keys");
  const keys: unknown[] = set.keys;
  must(
    keys.every((key) => isObject(key) && !("d" in key)),
    "not a set of public keys",
  );
  return { keys: keys as Record<string, unknown>[] };
}

/** Reads a sale's promise, and verifies its signature where there are keys. Throws Invalid. */
export function readPromise(jws: string, jwks?: JWKS): Claims {
  must(jws.length <= PROMISE_BYTES_MAX, `the promise is longer than ${PROMISE_BYTES_MAX} bytes`);
  const parts = jws.split(".");
  must(parts.length === 3, "the promise is not a compact JWS");
  const [head, payload, sign] = parts as [string, string, string];
  const header = object(head, "header", ["alg", "typ", "kid"]);
  must(header.alg === "EdDSA" && header.typ === "tillseal-sale+jwt" && isText(header.kid), "the promise is of another type");
  const claims = readClaims(payload);
  const signature = bytesOf(sign, "signature");
  if (jwks === undefined) return claims;
  const key = keyOf(jwks, header.kid);
  must(key !== undefined, "the promise is signed with a key that is not the shop's");
  // RFC 8032 to the letter: zip215 would take points that are not in their canonical form.
  const verified = signature.length === SIGNATURE_BYTES && ed25519.verify(signature, utf8(`${head}.${payload}`), key, { zip215: false });
  must(verified, "the promise's signature does not match");
  return claims;
}

function keyOf(jwks: JWKS, kid: string): Uint8Array | undefined {
  for (const key of jwks.keys) {
    const bytes = isObject(key) && key.kid === kid ? publicKey(key) : undefined;
    if (bytes !== undefined) return bytes;
  }
  return undefined;
}

/** What is known of the record that a promise should be of. */
export interface Promised {
  sale_id?: string;
  sale_hash?: Hex;
  store_id?: string;
  terminal_id?: string;
  record_number?: string | number;
  /** The contract that the shop published, as parseContract reads it: the promise names it, or none. */
  contract?: string;
}

/** Verifies a promise alone, as a till or a shopper has it. Throws Invalid; without keys the signature is not checked. */
export function verifyPromise(jws: string, jwks?: JWKS, expected: Promised = {}): Claims {
  const said = readPromise(jws, jwks);
  const named: [string, unknown, unknown][] = [
    ["sub", said.sub, expected.sale_id],
    ["sale_hash", said.sale_hash, expected.sale_hash],
    ["store_id", said.store_id, expected.store_id],
    ["terminal_id", said.terminal_id, expected.terminal_id],
    ["record_number", said.record_number, expected.record_number],
  ];
  for (const [name, value, is] of named) must(is === undefined || String(value) === String(is), `the promise has another ${name}`);
  if (expected.contract !== undefined && said.contract !== undefined) {
    const { address: published, chainId = said.chain_id } = parseContract(expected.contract);
    must(said.contract === published && said.chain_id === chainId, "the promise has another contract");
  }
  return said;
}

/** The step of a proof: its promise is of its record. */
export function promise(p: Proof, c: Context): string {
  if (p.promise === "") throw new Skipped("the record is older than promises");
  const { sale, chain } = p;
  const said = verifyPromise(p.promise, c.options.jwks, {
    sale_id: sale.saleId,
    sale_hash: p.sale_hash,
    store_id: sale.storeId,
    terminal_id: sale.terminalId,
    record_number: sale.recordNumber,
  });
  must(String(said.iat) === String(BigInt(sale.recordedAt) / 1_000_000n), "the promise has another iat");
  must((said.chain_id ?? chain.chain_id) === chain.chain_id, "the promise has another chain_id");
  must((said.contract ?? chain.contract).toLowerCase() === chain.contract.toLowerCase(), "the promise has another contract");
  c.promise = said;
  c.value = moment(said.anchor_by);
  return c.options.jwks === undefined ? "; its signature was not checked, for want of the shop's keys" : "";
}

/** A time in Unix seconds as RFC 3339 writes it. */
export function moment(seconds: number | bigint): string {
  const at = new Date(Number(seconds) * 1000);
  return Number.isNaN(at.getTime()) ? `second ${seconds}` : at.toISOString().replace(".000Z", "Z");
}
