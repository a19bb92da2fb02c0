// What a shopper's own software makes of the shop's promises: jose knows nothing of Tillseal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { calculateJwkThumbprint, compactVerify, createLocalJWKSet, errors, jwtVerify } from "jose";
import { read } from "./shop.mjs";

const { jwks, promises } = JSON.parse(read("testdata/promises.json"));
const KEYS = createLocalJWKSet(jwks);
const algorithms = ["EdDSA"];

/** jws with a bit flipped in one of its three parts. */
function flip(jws, part) {
  const parts = jws.split(".");
  const bytes = Buffer.from(parts[part], "base64url");
  bytes[bytes.length >> 1] ^= 1;
  return parts.with(part, bytes.toString("base64url")).join(".");
}

test("a key's kid is its thumbprint", async () => {
  for (const { kid, ...key } of jwks.keys) assert.equal(await calculateJwkThumbprint(key), kid);
});

test("each promise is verified and says what it said", async () => {
  assert.deepEqual(
    promises.map(({ typ }) => typ),
    [...Array(3).fill("tillseal-sale+jwt"), "tillseal-closing+jwt"],
  );
  for (const { typ, jws, claims } of promises) {
    const { payload, protectedHeader } = await jwtVerify(jws, KEYS, { algorithms, typ, issuer: claims.iss, subject: claims.sub });
    assert.deepEqual(payload, claims);
    assert.deepEqual(Object.keys(payload), Object.keys(claims));
    assert.deepEqual(protectedHeader, { alg: "EdDSA", typ, kid: jwks.keys[0].kid });
    const raw = await compactVerify(jws, KEYS, { algorithms });
    assert.equal(new TextDecoder().decode(raw.payload), JSON.stringify(claims)); // the canonical form of RFC 8785 but for the order
  }
});

test("a flipped bit is noticed", async () => {
  for (const { jws } of promises) {
    for (const part of [1, 2]) await assert.rejects(compactVerify(flip(jws, part), KEYS, { algorithms }), errors.JWSSignatureVerificationFailed);
    await assert.rejects(compactVerify(flip(jws, 0), KEYS, { algorithms }), errors.JOSEError);
  }
});

test("a closing is not taken for a sale, nor another's key for the shop's", async () => {
  const closing = promises.at(-1);
  await assert.rejects(jwtVerify(closing.jws, KEYS, { algorithms, typ: "tillseal-sale+jwt" }), errors.JWTClaimValidationFailed);
  const others = createLocalJWKSet({ keys: jwks.keys.map((key) => ({ ...key, kid: "another" })) });
  await assert.rejects(compactVerify(closing.jws, others, { algorithms }), errors.JWKSNoMatchingKey);
});
