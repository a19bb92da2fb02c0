// What the program reads, asks and prints besides a proof that is checked at a node.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { startAnvil } from "./anvil.mjs";
import { JWKS, changed, hashOf, here, openShop, provide, signPromise } from "./shop.mjs";

let chain, provider, proof, folder, keys;

before(async () => {
  chain = await startAnvil();
  provider = provide(chain);
  ({ proof } = await (await openShop(provider)).sell());
  folder = mkdtempSync(join(tmpdir(), "tillseal-"));
  keys = file("jwks.json", JWKS);
});

after(async () => {
  provider?.destroy();
  await chain?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

function file(name, value) {
  const path = join(folder, name);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

async function run(args, { input = "", env = {} } = {}) {
  const child = spawn(process.execPath, [here("verify/tillseal-verify.mjs"), ...args], { env: { PATH: process.env.PATH, ...env } });
  child.stdin.on("error", () => {}).end(typeof input === "string" ? input : JSON.stringify(input));
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  assert.equal(errors, "");
  assert.doesNotMatch(out, /sesame|127\.0\.0\.1/);
  const lines = out.trimEnd().split("\n");
  return { code: child.exitCode, lines, last: lines.at(-1) };
}

// Where nothing listens any more.
async function nowhere() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}`;
  server.close();
  await once(server, "close");
  return url;
}

test("the node is named in any order, by an option or by the environment", async () => {
  const path = file("proof.json", proof);
  for (const [args, env] of [
    [[path, chain.url]],
    [[chain.url, path]],
    [["--rpc", chain.url, path]],
    [[path], { WEB3_PROVIDER: `${chain.url}, http://127.0.0.1:1/sesame`, PUBLIC_RPC_URL: "http://127.0.0.1:1" }],
    [[path], { PUBLIC_RPC_URL: chain.url }],
    [[path, chain.url], { WEB3_PROVIDER: "http://127.0.0.1:1/sesame" }],
  ]) {
    const { code, last } = await run(args, { env });
    assert.deepEqual([code, last], [0, "valid"], args.join(" "));
  }
});

test("without a node the steps run that ask none, and it is said how to name one", async () => {
  const { code, lines, last } = await run([], { input: proof, env: { WEB3_PROVIDER: "ws://sesame.example" } });
  assert.equal(code, 2);
  assert.equal(last, "unknown: chain_id: the chain was not asked; name a node with --rpc URL, WEB3_PROVIDER or PUBLIC_RPC_URL");
  assert.equal(lines.length, 10);
  const forged = await run([], { input: changed(proof, (p) => (p.sale.total = "1.00")) });
  assert.deepEqual([forged.code, forged.last], [1, "invalid: request: the request has another total"]);
});

test("a proof that two programs would read differently is refused", async () => {
  const twice = (member) => JSON.stringify(proof).replace('"total":', `${member}:"1.00","total":`);
  for (const member of ['"total"', '"tot\\u0061l"']) {
    const { code, last } = await run([chain.url], { input: twice(member) });
    assert.deepEqual([code, last], [1, "invalid: shape: the proof cannot be read (a member is repeated)"]);
  }
  const none = await run([chain.url, join(folder, "none.json")]);
  assert.deepEqual([none.code, none.last], [2, "unknown: the file cannot be read (ENOENT)"]);
});

test("with --json each line is an outcome, and the last the verdict", async () => {
  const good = await run([chain.url, "--json", "--jwks", keys], { input: proof });
  const all = good.lines.map((line) => JSON.parse(line));
  assert.equal(all.length, 18);
  assert.deepEqual(all[2], { step: "sale_hash", state: "ok", text: "the sale's fields hash to sale_hash", value: proof.sale_hash });
  const { verdict, skipped, minedAt, promise, promiseKept } = all.at(-1);
  const { timestamp } = await provider.getBlock(Number(proof.chain.block_number));
  assert.deepEqual([verdict, skipped, minedAt], ["valid", [], String(timestamp)]);
  assert.deepEqual([promise.sale_hash, promiseKept], [proof.sale_hash, timestamp <= promise.anchor_by]);

  const away = await run([`${await nowhere()}/sesame`, "--json"], { input: proof });
  const why = "the node could not be queried (eth_chainId: connection refused)";
  assert.deepEqual(away.lines.slice(-2).map((line) => JSON.parse(line)), [
    { step: "chain_id", state: "unknown", text: why },
    { verdict: "unknown", step: "chain_id", why },
  ]);
  assert.equal(away.code, 2);
});

test("a promise alone, or in a till's 201, is verified and says what was promised", async () => {
  const { sale, sale_hash, promise } = proof;
  const answer = { sale_id: sale.saleId, record_number: 1042, anchor: { sale_hash }, promise };
  for (const input of [promise, `${promise}\n`, answer]) {
    const { code, lines, last } = await run(["--jwks", keys], { input });
    assert.deepEqual([code, last], [0, "valid"]);
    const said = lines.join("\n");
    for (const what of [/^by +https:\/\/shop\.example$/m, /^record +1042 of terminal t1 in store s1$/m, /^due +2026-11-23T04:45:31Z$/m, sale_hash]) {
      assert.ok(said.match(what), `${what}: ${said}`);
    }
    const unchecked = await run([], { input });
    assert.deepEqual([unchecked.code, unchecked.last], [2, "unknown: promise: its signature was not checked, for want of --jwks"]);
  }
  for (const [input, why] of [
    [{ ...answer, sale_id: "01a1f94f-e264-7599-97ba-9d8ea7e314e6" }, "the promise has another sub"],
    [{ ...answer, record_number: 1043 }, "the promise has another record_number"],
    [{ ...answer, anchor: { sale_hash: hashOf("x") } }, "the promise has another sale_hash"],
    [{ ...answer, promise: "" }, "the promise is not a compact JWS"],
    [promise.replace(/\.[^.]+$/, `.${"A".repeat(86)}`), "the promise's signature does not match"],
  ]) {
    const { code, last } = await run(["--jwks", keys], { input });
    assert.deepEqual([code, last], [1, `invalid: promise: ${why}`]);
  }
});

test("what a promise says commands no terminal", async () => {
  const promise = signPromise(proof.sale, proof.sale_hash, { iss: "https://shop.example\u001b[2J\u009b2J\nvalid" });
  const { lines } = await run([], { input: promise });
  assert.ok(lines.includes("by       https://shop.example\ufffd[2J\ufffd2J\ufffdvalid"), lines.join("\n"));
});
