// The shop's promise, a compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037), with Node's own cryptography.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { getAddress } from "ethers";
import { Skipped, must } from "./proof-facts.mjs";

const PROMISE_BYTES_MAX = 4096;
const KEYS_BYTES_MAX = 64 << 10;
const KEYS_TIMEOUT_MS = 15_000;

const PART = /^[A-Za-z0-9_-]+$/;

// The one way to write these bytes: what is left over in the last character must be zero (RFC 4648, section 3.5).
function bytesOf(part, name) {
  const bytes = Buffer.from(part, "base64url");
  must(PART.test(part) && bytes.toString("base64url") === part, `the promise's ${name} is not base64url`);
  return bytes;
}

function object(part, name, members) {
  const value = JSON.parse(bytesOf(part, name).toString("utf8"));
  must(typeof value === "object" && value !== null && !Array.isArray(value), `the promise's ${name} is not an object`);
  must(Object.keys(value).every((member) => members.includes(member)), `the promise's ${name} has a member that is none of ${members.join(", ")}`);
  return value;
}

const isText = (value) => typeof value === "string" && value !== "";
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

const CLAIMS = {
  iss: isText,
  sub: isText,
  sale_hash: (value) => isText(value) && /^0x[0-9a-f]{64}$/.test(value),
  store_id: isText,
  terminal_id: isText,
  record_number: (value) => isCount(value) && value > 0,
  iat: isCount,
  anchor_by: isCount,
};

// Where the shop names its contract, it names both.
const PLACE = {
  chain_id: (value) => isText(value) && /^[1-9][0-9]{0,77}$/.test(value),
  contract: (value) => isText(value) && /^0x[0-9a-fA-F]{40}$/.test(value) && getAddress(value.toLowerCase()) === value,
};

function readClaims(part) {
  const claims = object(part, "payload", [...Object.keys(CLAIMS), ...Object.keys(PLACE)]);
  const named = Object.keys(PLACE).some((name) => name in claims);
  for (const [name, fits] of Object.entries({ ...CLAIMS, ...(named ? PLACE : {}) })) {
    must(fits(claims[name]), `${name} of the promise's payload is malformed`);
  }
  must(claims.anchor_by >= claims.iat, "the promise is due before it was made");
  return claims;
}

/** The thumbprint of an Ed25519 key (RFC 7638). */
const thumbprint = ({ x }) => createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");

const PRIME = 2n ** 255n - 19n; // the field's (RFC 8032, section 5.1)

const littleEndian = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);

// The y of the points whose order divides 8: for such a key anybody can sign.
const OF_ORDER_8 = littleEndian(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex"));
const SMALL_ORDER = [0n, 1n, PRIME - 1n, OF_ORDER_8, PRIME - OF_ORDER_8];

// Keys that could not have signed a promise are passed over (RFC 7517, section 5).
function isUsable(key) {
  if (key.kty !== "OKP" || key.crv !== "Ed25519" || key.alg !== "EdDSA" || key.use !== "sig" || !isText(key.x)) return false;
  const x = Buffer.from(key.x, "base64url");
  if (x.length !== 32 || x.toString("base64url") !== key.x || key.kid !== thumbprint(key)) return false;
  const y = littleEndian(x) % 2n ** 255n; // the highest bit is the sign of x, the coordinate
  return y < PRIME && !SMALL_ORDER.includes(y);
}

/**
 * Reads a sale's promise, and verifies its signature where there are keys.
 * @param {string} jws
 * @param {{keys: object[]}} [jwks] the shop's /.well-known/jwks.json
 */
export function readPromise(jws, jwks) {
  must(jws.length <= PROMISE_BYTES_MAX, `the promise is longer than ${PROMISE_BYTES_MAX} bytes`);
  const parts = jws.split(".");
  must(parts.length === 3, "the promise is not a compact JWS");
  const header = object(parts[0], "header", ["alg", "typ", "kid"]);
  must(header.alg === "EdDSA" && header.typ === "tillseal-sale+jwt" && isText(header.kid), "the promise is of another type");
  const claims = readClaims(parts[1]);
  const signature = bytesOf(parts[2], "signature");
  if (jwks === undefined) return claims;
  const key = jwks.keys.find((k) => k?.kid === header.kid && isUsable(k));
  must(key !== undefined, "the promise is signed with a key that is not the shop's");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.x }, format: "jwk" });
  must(verify(null, Buffer.from(`${parts[0]}.${parts[1]}`), publicKey, signature), "the promise's signature does not match");
  return claims;
}

/** The step of a proof: its promise is of its record. */
export function promise(p, rpc, options) {
  if (p.promise === "") throw new Skipped("the record is older than promises");
  const said = readPromise(p.promise, options.jwks);
  const { sale, chain } = p;
  for (const [name, value, is] of [
    ["sub", said.sub, sale.saleId],
    ["sale_hash", said.sale_hash, p.sale_hash],
    ["store_id", said.store_id, sale.storeId],
    ["terminal_id", said.terminal_id, sale.terminalId],
    ["record_number", String(said.record_number), sale.recordNumber],
    ["iat", String(said.iat), String(BigInt(sale.recordedAt) / 1_000_000n)],
    ["chain_id", said.chain_id ?? chain.chain_id, chain.chain_id],
    ["contract", (said.contract ?? chain.contract).toLowerCase(), chain.contract.toLowerCase()],
  ]) {
    must(value === is, `the promise has another ${name}`);
  }
  return options.jwks === undefined ? "; its signature was not checked, for want of --jwks" : "";
}

/** Reads the shop's keys from a URL or a file. An error may quote the URL, which may hold a key: it is not to be shown. */
export async function readKeys(from) {
  const text = from.includes("://") ? await get(new URL(from)) : readFileSync(from, "utf8");
  const jwks = JSON.parse(text);
  // With a private half that everybody can read, whatever the key signed proves nothing.
  if (!Array.isArray(jwks?.keys) || jwks.keys.some((key) => key !== Object(key) || "d" in key)) throw new Error("not a set of public keys");
  return jwks;
}

async function get(url) {
  if (!/^https?:$/.test(url.protocol)) throw new Error("another scheme");
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(KEYS_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  const parts = [];
  let bytes = 0;
  for await (const part of response.body) {
    bytes += part.length;
    if (bytes > KEYS_BYTES_MAX) throw new Error("too long");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
