import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import { moment, parseKeys, readPromise, verifyPromise } from "../src/verify/index.ts";
import { vectors } from "./testdata.ts";

const { jwks, promises } = vectors("promises");
const { jws, claims } = promises[0];

const REFUSED = { name: "Invalid", message: "the promise is signed with a key that is not the shop's" };

function jwk(bytes: Uint8Array) {
  const x = Buffer.from(bytes).toString("base64url");
  const kid = createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
  return { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" };
}

const part = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function unsigned(kid: string, payload: unknown = claims) {
  return `${part({ alg: "EdDSA", typ: "tillseal-sale+jwt", kid })}.${part(payload)}`;
}

test("what the shop signs is verified", () => {
  for (const { typ, jws, claims } of promises) {
    if (typ === "tillseal-sale+jwt") assert.deepEqual(verifyPromise(jws, jwks), claims);
    else assert.throws(() => readPromise(jws, jwks), { message: "the promise is of another type" });
  }
  assert.deepEqual(parseKeys(JSON.stringify(jwks)), jwks);
});

test("a promise is compared with what is known of its record", () => {
  const known = { sale_id: claims.sub, sale_hash: claims.sale_hash, store_id: claims.store_id, terminal_id: claims.terminal_id };
  assert.deepEqual(verifyPromise(jws, jwks, { ...known, record_number: claims.record_number }), claims);
  assert.deepEqual(verifyPromise(jws, jwks, { record_number: String(claims.record_number) }), claims);
  for (const [name, as] of [["sale_id", "sub"], ["sale_hash"], ["store_id"], ["terminal_id"], ["record_number"]]) {
    assert.throws(() => verifyPromise(jws, jwks, { [name as string]: "1" }), { message: `the promise has another ${as ?? name}` });
  }
});

test("a key of small order, or not in its canonical form, is none of the shop's", () => {
  const prime = 2n ** 255n - 19n;
  const order8 = ed25519.Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05").toAffine().y;
  const little = (y: bigint) => Buffer.from(y.toString(16).padStart(64, "0"), "hex").reverse();
  const weak = [0n, 1n, prime - 1n, order8, prime - order8, prime, prime + 1n].flatMap((y) => [y, y + 2n ** 255n]).map(little);
  weak.push(little(2n), Buffer.alloc(31, 5), Buffer.alloc(33, 5)); // no point at all, and no key
  // R = S·B fits every message for the neutral point; nothing is signed.
  const forged = Buffer.concat([little(1n), little(0n)]).toString("base64url");
  for (const bytes of weak) {
    const key = jwk(bytes);
    assert.throws(() => readPromise(`${unsigned(key.kid)}.${forged}`, { keys: [key] }), REFUSED, bytes.toString("hex"));
  }
});

test("a signature is Node's, to the bit", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = jwk(Buffer.from(publicKey.export({ format: "jwk" }).x as string, "base64url"));
  const signed = unsigned(key.kid);
  const signature = sign(null, Buffer.from(signed), privateKey);
  const keys = { keys: [key] };
  const as = (bytes: Uint8Array, of = signed) => readPromise(`${of}.${Buffer.from(bytes).toString("base64url")}`, keys);
  assert.deepEqual(as(signature), claims);
  const mismatch = { message: "the promise's signature does not match" };
  for (const at of [0, 31, 32, 63]) assert.throws(() => as(signature.map((byte, i) => (i === at ? byte ^ 1 : byte))), mismatch);
  for (const length of [1, 63]) assert.throws(() => as(signature.subarray(0, length)), mismatch);
  assert.throws(() => as(Buffer.concat([signature, Buffer.alloc(1)])), mismatch);
  assert.throws(() => as(signature, unsigned(key.kid, { ...claims, record_number: 1 })), mismatch);
  // S + L is the same scalar (RFC 8032, section 5.1.7, has S below L).
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString("hex")}`) + order;
  const more = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
  assert.throws(() => as(Buffer.concat([signature.subarray(0, 32), more])), mismatch);
  for (const other of [{ alg: "ES256" }, { use: "enc" }, { kty: "EC" }, { crv: "X25519" }, { x: `${key.x}=` }, { kid: "x" }]) {
    assert.throws(() => readPromise(`${signed}.${signature.toString("base64url")}`, { keys: [{ ...key, ...other }] }), REFUSED);
  }
});

// Whoever has the private half can make it; verifiers that take points in several forms (ZIP 215) would not agree with others.
test("a signature whose point is not in its canonical form is refused", () => {
  const order = ed25519.Point.Fn.ORDER;
  const little = (n: bigint) => Buffer.from(n.toString(16).padStart(64, "0"), "hex").reverse();
  const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(new Uint8Array(32).fill(7));
  const key = jwk(pointBytes);
  const signed = unsigned(key.kid);
  const made = (r: Buffer) => {
    const hash = createHash("sha512").update(r).update(pointBytes).update(signed).digest().reverse();
    const s = (BigInt(`0x${hash.toString("hex")}`) * scalar) % order;
    return `${signed}.${Buffer.concat([r, little(s)]).toString("base64url")}`;
  };
  assert.deepEqual(readPromise(made(little(1n)), { keys: [key] }), claims);
  const other = made(little(2n ** 255n - 18n)); // the same y, written as 1 + the prime
  assert.throws(() => readPromise(other, { keys: [key] }), { message: "the promise's signature does not match" });
});

test("a key whose kid is not its thumbprint is none of the shop's", () => {
  const header = part({ alg: "EdDSA", typ: "tillseal-sale+jwt", kid: "x" });
  const keys = { keys: [{ ...jwks.keys[0], kid: "x" }] };
  assert.throws(() => readPromise([header, ...jws.split(".").slice(1)].join("."), keys), REFUSED);
});

test("a promise that two programs would read differently is refused", () => {
  const [head, payload, signature] = jws.split(".");
  const text = Buffer.from(payload, "base64url").toString();
  const twice = part(text.replace('"sub":', '"sub":"x","sub":'));
  assert.throws(() => readPromise(`${head}.${twice}.${signature}`), { message: "a member is repeated" });
  assert.throws(() => readPromise(`${head}.${part({ ...claims, extra: 1 })}.${signature}`), /a member that is none of/);
  assert.throws(() => readPromise("x".repeat(4097)), { message: "the promise is longer than 4096 bytes" });
  for (const wrong of [`${head}.${payload}`, `${jws}.`, "", "..", `${head}=.${payload}.${signature}`, `${jws}=`, `${jws}\n`]) {
    assert.throws(() => readPromise(wrong), { name: "Invalid" }, wrong);
  }
});

test("keys are refused with a private half, and where they are none", () => {
  for (const text of ["", "{}", "[]", '{"keys":1}', '{"keys":[1]}', '{"keys":[{"d":""}]}', '{"keys":[],"keys":[]}']) {
    assert.throws(() => parseKeys(text), { name: "Invalid" }, text);
  }
});

test("a time is written in UTC", () => {
  assert.equal(moment(1_795_322_731), "2026-11-22T04:45:31Z");
  assert.equal(moment(0n), "1970-01-01T00:00:00Z");
  assert.equal(moment(Number.MAX_SAFE_INTEGER), "second 9007199254740991");
});
