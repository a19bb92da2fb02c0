// The shop's promise, a compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037), with Node's own cryptography.
import { createHash, createPublicKey, verify } from "node:crypto";
import { Skipped, must } from "./proof-facts.mjs";

const PART = /^[A-Za-z0-9_-]+$/;

// The one way to write these bytes: what is left over in the last character must be zero (RFC 4648, section 3.5).
function bytesOf(part, name) {
  const bytes = Buffer.from(part, "base64url");
  must(bytes.toString("base64url") === part, `the promise's ${name} is not base64url`);
  return bytes;
}

const json = (part, name) => JSON.parse(bytesOf(part, name).toString("utf8"));

/** The thumbprint of an Ed25519 key (RFC 7638). */
const thumbprint = ({ x }) => createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");

/**
 * Reads a sale's promise, and verifies its signature where there are keys.
 * @param {string} jws
 * @param {{keys: object[]}} [jwks] the shop's /.well-known/jwks.json
 */
export function readPromise(jws, jwks) {
  const parts = jws.split(".");
  must(parts.length === 3 && parts.every((part) => PART.test(part)), "the promise is not a compact JWS");
  const [header, claims] = [json(parts[0], "header"), json(parts[1], "payload")];
  must(header.alg === "EdDSA" && header.typ === "tillseal-sale+jwt", "the promise is of another type");
  must(Object.keys(header).length === 3, "the promise's header has other members than alg, typ and kid");
  const signature = bytesOf(parts[2], "signature");
  if (jwks === undefined) return claims;
  const key = jwks.keys.find((k) => k.kty === "OKP" && k.crv === "Ed25519" && k.kid === header.kid && thumbprint(k) === header.kid);
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
  must(said.anchor_by >= said.iat, "the promise is due before it was made");
  return options.jwks === undefined ? "; its signature was not checked, for want of --jwks" : "";
}
