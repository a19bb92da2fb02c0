import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { jsonRPC, verifyProof } from "../../tools/verify-proof.mjs";
import { startAnvil } from "./anvil.mjs";
import { JWKS, changed, here, hashOf, openShop, provide, signPromise } from "./shop.mjs";

let chain, provider, proof, folder;

before(async () => {
  chain = await startAnvil();
  provider = provide(chain);
  ({ proof } = await (await openShop(provider)).sell());
  folder = mkdtempSync(join(tmpdir(), "tillseal-"));
});

after(async () => {
  provider?.destroy();
  await chain?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

const verdict = (p, options) => verifyProof(p, jsonRPC(chain.url), options);
const promised = (claims, header) => changed(proof, (p) => (p.promise = signPromise(p.sale, p.sale_hash, claims, header)));

test("a promise of the record is accepted, its signature with the shop's keys", async () => {
  const lines = [];
  const say = (line) => lines.push(line);
  assert.deepEqual(await verdict(proof, { jwks: JWKS, say }), { valid: true });
  assert.deepEqual(await verdict(proof, { say }), { valid: true });
  const [checked, unchecked] = lines.filter((line) => line.includes("promise:"));
  assert.equal(checked, "ok    promise: the promise is of this record");
  assert.match(unchecked, /its signature was not checked/);
  const named = { chain_id: proof.chain.chain_id, contract: proof.chain.contract.toLowerCase() };
  assert.deepEqual(await verdict(promised(named), { jwks: JWKS }), { valid: true });
});

test("a promise of anything else is refused", async () => {
  for (const [claims, name] of [
    [{ sub: "01a1f94f-e264-7599-97ba-9d8ea7e314e6" }, "sub"],
    [{ sale_hash: hashOf("x") }, "sale_hash"],
    [{ store_id: "s2" }, "store_id"],
    [{ terminal_id: "t1~2" }, "terminal_id"],
    [{ record_number: 1043 }, "record_number"],
    [{ iat: 1 }, "iat"],
    [{ chain_id: "1", contract: proof.chain.contract }, "chain_id"],
    [{ chain_id: proof.chain.chain_id, contract: `0x${"00".repeat(20)}` }, "contract"],
  ]) {
    const result = await verdict(promised(claims), { jwks: JWKS });
    assert.deepEqual([result.step, result.why], ["promise", `the promise has another ${name}`]);
  }
  assert.equal((await verdict(promised({ anchor_by: 1 }), { jwks: JWKS })).step, "promise");
  for (const header of [{ alg: "none" }, { typ: "tillseal-closing+jwt" }, { crit: ["b64"] }, { kid: "x" }]) {
    assert.equal((await verdict(promised({}, header), { jwks: JWKS })).step, "promise", JSON.stringify(header));
  }
  const [head, payload, signature] = proof.promise.split(".");
  const other = `${signature[0] === "A" ? "B" : "A"}${signature.slice(1)}`;
  const forged = changed(proof, (p) => (p.promise = `${head}.${payload}.${other}`));
  assert.equal((await verdict(forged, { jwks: JWKS })).why, "the promise's signature does not match");
  assert.equal((await verdict(proof, { jwks: { keys: [] } })).why, "the promise is signed with a key that is not the shop's");
  for (const text of ["x", "a.b", "a.b.c.d", 7, undefined]) {
    assert.equal((await verdict(changed(proof, (p) => (p.promise = text)))).step, "shape", String(text));
  }
});

test("a record of before there were promises is proved without one", async () => {
  assert.deepEqual(await verdict(changed(proof, (p) => (p.promise = "")), { jwks: JWKS }), { valid: true });
});

test("the program takes the keys from a file", () => {
  const keys = join(folder, "jwks.json");
  writeFileSync(keys, JSON.stringify(JWKS));
  const run = (...more) =>
    spawnSync(process.execPath, [here("tools/verify-proof.mjs"), chain.url, "-", ...more], { input: JSON.stringify(proof), encoding: "utf8" });
  const good = run("--jwks", keys);
  assert.equal(good.status, 0, good.stdout);
  assert.doesNotMatch(good.stdout, /not checked/);
  assert.equal(run("--jwks", `${keys}.not`).status, 2);
});
