import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { jsonRPC, readKeys, readPromise, verifyProof } from "../../verify/tillseal-verify.mjs";
import { startAnvil } from "./anvil.mjs";
import { JWKS, changed, here, hashOf, openShop, provide, read, signPromise } from "./shop.mjs";

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
  const outcomes = [];
  const report = (outcome) => outcomes.push(outcome);
  assert.equal((await verdict(proof, { jwks: JWKS, report })).verdict, "valid");
  assert.equal((await verdict(proof, { report })).verdict, "valid");
  const [checked, unchecked] = outcomes.filter(({ step }) => step === "promise");
  const due = `${new Date(Number(proof.sale.recordedAt) / 1000 + 86_400_000).toISOString().slice(0, 19)}Z`;
  assert.deepEqual(checked, { step: "promise", state: "ok", text: "the promise is of this record", value: due });
  assert.match(unchecked.text, /its signature was not checked/);
  const named = { chain_id: proof.chain.chain_id, contract: proof.chain.contract };
  assert.equal((await verdict(promised(named), { jwks: JWKS })).verdict, "valid");
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
  for (const claims of [
    { record_number: "1042" },
    { record_number: 0 },
    { iat: undefined },
    { iss: "" },
    { sale_hash: proof.sale_hash.toUpperCase() },
    { chain_id: proof.chain.chain_id },
    { contract: proof.chain.contract },
    { chain_id: proof.chain.chain_id, contract: proof.chain.contract.toLowerCase() },
    { more: 1 },
  ]) {
    assert.equal((await verdict(promised(claims))).step, "promise", JSON.stringify(claims));
  }
  for (const header of [{ alg: "none" }, { typ: "tillseal-closing+jwt" }, { crit: ["b64"] }, { kid: "x" }, { jwk: JWKS.keys[0] }]) {
    assert.equal((await verdict(promised({}, header), { jwks: JWKS })).step, "promise", JSON.stringify(header));
  }
  const [head, payload, signature] = proof.promise.split(".");
  const other = `${signature[0] === "A" ? "B" : "A"}${signature.slice(1)}`;
  const forged = changed(proof, (p) => (p.promise = `${head}.${payload}.${other}`));
  assert.equal((await verdict(forged, { jwks: JWKS })).why, "the promise's signature does not match");
  assert.equal((await verdict(proof, { jwks: { keys: [] } })).why, "the promise is signed with a key that is not the shop's");
  const [key] = JWKS.keys;
  for (const other of [{ alg: "ES256" }, { use: "enc" }, { kty: "EC" }, { crv: "X25519" }, { x: `${key.x}=` }]) {
    const result = await verdict(proof, { jwks: { keys: [{ ...key, ...other }] } });
    assert.equal(result.why, "the promise is signed with a key that is not the shop's", JSON.stringify(other));
  }
  for (const other of ["x", "a.b", "a.b.c.d", 7, undefined]) {
    assert.equal((await verdict(changed(proof, (p) => (p.promise = other)))).step, "shape", String(other));
  }
});

test("a record of before there were promises is proved without one", async () => {
  const { verdict: end, skipped, promise } = await verdict(changed(proof, (p) => (p.promise = "")), { jwks: JWKS });
  assert.deepEqual([end, skipped, promise], ["valid", ["promise"], undefined]);
});

test("a promise is kept by a block of its last second, and a later one proves the sale all the same", async () => {
  const { timestamp } = await provider.getBlock(Number(proof.chain.block_number));
  const ended = async (late) => {
    const outcomes = [];
    const due = changed(proof, (p) => (p.promise = signPromise(p.sale, p.sale_hash, { anchor_by: timestamp - late })));
    const result = await verdict(due, { jwks: JWKS, report: (outcome) => outcomes.push(outcome) });
    assert.equal(result.verdict, "valid");
    assert.equal(result.minedAt, BigInt(timestamp));
    assert.equal(result.promise.anchor_by, timestamp - late);
    return [result.promiseKept, outcomes.find(({ step }) => step === "block").text.replace(/^.*; /, "").replace(/due at [^,]+/, "due")];
  };
  assert.deepEqual(await ended(0), [true, "the promise, due, is kept"]);
  assert.deepEqual(await ended(1), [false, "the promise, due, is broken: it was anchored 1 s too late"]);
  assert.deepEqual(await ended(7_200), [false, "the promise, due, is broken: it was anchored 2 h too late"]);
});

// With the neutral point as its key anybody can sign: R = S·B fits every message.
test("a key for which anybody can sign is none of the shop's", async () => {
  const x = Buffer.from([1, ...Array(31).fill(0)]).toString("base64url");
  const kid = createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
  const signature = Buffer.from([1, ...Array(63).fill(0)]).toString("base64url");
  const weak = changed(proof, (p) => {
    const [head, payload] = signPromise(p.sale, p.sale_hash, {}, { kid }).split(".");
    p.promise = `${head}.${payload}.${signature}`;
  });
  const jwks = { keys: [{ kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" }, ...JWKS.keys] };
  assert.equal((await verdict(weak, { jwks })).why, "the promise is signed with a key that is not the shop's");
  assert.equal((await verdict(proof, { jwks })).verdict, "valid");
});

test("what shared/promise signs is read and verified", () => {
  const { jwks, promises } = JSON.parse(read("testdata/promises.json"));
  for (const { typ, jws, claims } of promises) {
    if (typ === "tillseal-sale+jwt") assert.deepEqual(readPromise(jws, jwks), claims);
    else assert.throws(() => readPromise(jws, jwks), { message: "the promise is of another type" });
  }
});

test("the program takes the keys from a file or a URL", async (t) => {
  const run = async (from) => {
    const child = spawn(process.execPath, [here("tools/verify-proof.mjs"), chain.url, "-", "--jwks", from]);
    child.stdin.end(JSON.stringify(proof));
    const [said] = await Promise.all([text(child.stdout), once(child, "exit")]);
    assert.doesNotMatch(said, /sesame/);
    return { code: child.exitCode, said };
  };
  const file = (value) => {
    const path = join(folder, "jwks.json");
    writeFileSync(path, value);
    return path;
  };
  const pages = {
    "/keys": (response) => response.end(JSON.stringify(JWKS)),
    "/elsewhere": (response) => response.writeHead(302, { location: "/keys" }).end(),
    "/long": (response) => response.end(JSON.stringify(JWKS) + " ".repeat(1 << 20)),
    "/none": (response) => response.writeHead(404).end(JSON.stringify(JWKS)),
  };
  const server = createServer((request, response) => pages[request.url.split("?")[0]](response)).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const url = (path) => `http://127.0.0.1:${server.address().port}${path}?key=sesame`;

  const keys = JSON.stringify(JWKS);
  assert.deepEqual(await readKeys(file(keys)), JWKS);
  for (const value of ["", "{}", '{"keys":[1]}', keys.replace('"x"', '"d":"","x"')]) await assert.rejects(readKeys(file(value)), value);
  const unread = [url("/elsewhere"), url("/long"), "ftp://sesame.example/", join(folder, "none.json")];
  for (const from of unread) await assert.rejects(readKeys(from), from);
  const good = await run(url("/keys"));
  assert.equal(good.code, 0, good.said);
  assert.doesNotMatch(good.said, /not checked/);
  assert.deepEqual(await run(url("/none")), { code: 2, said: "unknown: the shop's keys cannot be read\n" });
});
