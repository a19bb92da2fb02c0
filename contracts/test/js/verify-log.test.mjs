// What becomes of a proof when other batches have followed, or the chain has changed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Unreachable, entry, inclusionPath, jsonRPC, treeHead } from "../../verify/tillseal-verify.mjs";
import { startAnvil } from "./anvil.mjs";
import { lyingNode, serve, stopServers, verify as run, word } from "./lies.mjs";
import { changed, hashOf, openShop, provide } from "./shop.mjs";

const BY_ITSELF = /^ok {4}log_root: .*: the proof's own path, in a log of size \d+$/;
const BY_GATEWAY = /^ok {4}log_root: .*: the gateway's path, in a log of size \d+$/;
const BY_EVENTS = /^ok {4}log_root: .*: a path rebuilt from the contract's events, in a log of size \d+/;
const BY_RECEIPT = /^skip {2}log_root: no path in .* the log was not checked, the batch is judged by its event alone$/;

let chain, provider, rpc;
let shop, aged; // a proof with a thousand batches after it, a few hundred in a block
let young, recent; // and one with twelve, each in a block of its own
let lying;
const verify = (proof, options = {}, node = rpc) => run(proof, options, node);

before(async () => {
  chain = await startAnvil();
  provider = provide(chain);
  rpc = jsonRPC(chain.url);
  lying = lyingNode(rpc);
  young = await openShop(provider);
  ({ proof: recent } = await young.sell());
  for (let i = 0; i < 12; i++) await young.anchor(hashOf(`${i}`), 1 + i);
  shop = await openShop(provider);
  await shop.follow(2);
  ({ proof: aged } = await shop.sell());
  await shop.follow(1000);
});

after(async () => {
  stopServers();
  provider?.destroy();
  await chain?.stop();
});

// A run that finds the proof valid, by a way.
async function validBy(way, proof, options, node) {
  const { verdict, step, why, skipped, line } = await verify(proof, options, node);
  assert.equal(verdict, "valid", `${step}: ${why}`);
  assert.match(line, way);
  assert.deepEqual(skipped, way === BY_RECEIPT ? ["log_root", "contains", "verify"] : []);
  return line;
}

// What a gateway knows about a batch.
const about = (of, id) => ({
  batch: of.batches[id - 1],
  log: of.inclusion(id),
  chain: { chain_id: "31337", contract: of.contract.target, deployed_block: of.deployedBlock },
});

const tells = (of, change = () => {}) => (req, res) => {
  const url = new URL(req.url, "http://x");
  const id = url.pathname.match(/^\/shop\/log\/(\d+)$/)?.[1];
  const right = { size: String(of.batches.length), contract: of.contract.target, key: "sesame" };
  if (id === undefined || Object.entries(right).some(([k, v]) => url.searchParams.get(k) !== v)) return res.writeHead(404).end();
  const answer = structuredClone(about(of, id));
  res.end(JSON.stringify(change(answer) ?? answer));
};

const refuse = (code = -32005) => () => {
  throw new Unreachable("eth_getLogs", `JSON-RPC error ${code}`, { code });
};

test("a proof of a thousand batches ago is valid by each way, and the line says which", async () => {
  assert.match(await validBy(BY_GATEWAY, aged, { log: await serve(tells(shop)) }, lying({ eth_getLogs: refuse() })), /size 1003$/);
  assert.match(await validBy(BY_EVENTS, aged), /size 1003$/);
  assert.match(
    await validBy(BY_RECEIPT, aged, {}, lying({ eth_getLogs: refuse() })),
    /in the contract's log of size 1003 \(events: JSON-RPC error -32005\): /,
  );
});

test("a proof as new as the log needs neither gateway nor events", async () => {
  const fresh = { ...aged, log: shop.inclusion(aged.batch.id) };
  await validBy(BY_ITSELF, fresh, { log: "http://127.0.0.1:1/sesame" }, lying({ eth_getLogs: refuse() }));
});

test("a gateway that cannot be used leaves its place to the events", async () => {
  const text = (answer) => (req, res) => res.end(answer);
  const status = (code) => (req, res) => res.writeHead(code, { location: req.url }).end();
  const cases = {
    "HTTP status 404": [status(404)],
    "HTTP status 500": [status(500)],
    "HTTP status 307": [status(307)],
    "the answer cannot be read": [
      text("<html>sesame"),
      text(JSON.stringify(about(young, 1)).slice(0, -2)),
      (req, res) => res.destroy(),
      tells(young, (a) => void (a.log.path = "0xsesame")),
      tells(young, (a) => void (a.log.path = Array(65).fill(hashOf("x")))),
      tells(young, (a) => void (a.log.path[0] = "sesame")),
      tells(young, (a) => void (a.log.path[0] = `0x${a.log.path[0].slice(2).toUpperCase()}`)),
    ],
    "the answer is about another contract": [
      text("null"),
      text("{}"),
      text("[]"),
      tells(young, (a) => void (a.chain.chain_id = "1")),
      tells(young, (a) => void (a.chain.contract = `0x${"11".repeat(20)}`)),
    ],
    "the answer is about another batch": [
      tells(young, () => about(young, 2)),
      tells(young, (a) => void delete a.batch),
      tells(young, (a) => void (a.batch.id = "2")),
      tells(young, (a) => void (a.batch.root = hashOf("x"))),
      tells(young, (a) => void (a.batch.size = "9")),
    ],
    "the answer is about another log than the contract's": [
      tells(young, (a) => void (a.log.root = hashOf("x"))),
      tells(young, (a) => void (a.log.size = "12")),
      tells(young, (a) => void delete a.log),
    ],
    "its path does not lead to the contract's logRoot": [
      tells(young, (a) => void (a.log.path = about(young, 2).log.path)),
      tells(young, (a) => void delete a.log.path),
      tells(young, (a) => void a.log.path.push(hashOf("x"))),
      tells(young, (a) => void (a.log.path[1] = hashOf("x"))),
    ],
    "the answer is longer than 16384 bytes": [text(JSON.stringify(about(young, 1)) + " ".repeat(1 << 20)), flood],
    "no answer in time": [() => {}, drip],
  };
  const all = Object.entries(cases).flatMap(([why, answers]) => answers.map((answer) => [why, answer]));
  await Promise.all(
    all.map(async ([why, answer]) => {
      const began = Date.now();
      const line = await validBy(BY_EVENTS, recent, { log: await serve(answer) });
      assert.ok(Date.now() - began < 20_000, why);
      assert.ok(line.endsWith(`size 13 (gateway: ${why})`), `${why}: ${line}`);
    }),
  );
  const away = { log: "http://127.0.0.1:1/sesame" };
  assert.match(await validBy(BY_RECEIPT, recent, away, lying({ eth_getLogs: refuse(4444) })), /\(gateway: .+; events: JSON-RPC error 4444\): /);
});

// Answers without end, as fast as it is read.
async function flood(req, res) {
  while (!res.destroyed) if (!res.write(" ".repeat(1 << 16))) await once(res, "drain").catch(() => {});
}

// Begins an answer and never ends it.
async function drip(req, res) {
  while (!res.destroyed) {
    res.write(" ");
    await pause(100);
  }
}

test("events are read as the provider allows", async () => {
  const few = (blocks, asked) => ([{ fromBlock, toBlock }], real) => {
    asked.push(Number(toBlock) - Number(fromBlock) + 1);
    if (asked.at(-1) > blocks) refuse()();
    return real();
  };
  for (const [blocks, way, least] of [[1000, BY_EVENTS, undefined], [8, BY_EVENTS, 8], [7, BY_RECEIPT, 8]]) {
    const asked = [];
    await validBy(way, recent, {}, lying({ eth_getLogs: few(blocks, asked) }));
    if (least !== undefined) assert.ok(asked.includes(least) && Math.min(...asked) === least, `${asked}`);
  }
  const busy = (times) => (params, real) => {
    if (times-- > 0) throw new Unreachable("eth_getLogs", "HTTP status 429", { status: 429 });
    return real();
  };
  await validBy(BY_EVENTS, recent, {}, lying({ eth_getLogs: busy(2) }));
  let calls = 0;
  const always = (params, real) => busy(++calls)(params, real);
  assert.match(await validBy(BY_RECEIPT, recent, {}, lying({ eth_getLogs: always })), /\(events: HTTP status 429\)/);
  assert.equal(calls, 4);
});

test("a long search says how far it is", async () => {
  const progress = [];
  let first = true;
  const slow = async (params, real) => {
    if (Number(params[0].toBlock) - Number(params[0].fromBlock) > 7) refuse()();
    if (first) await pause(2_100);
    first = false;
    return real();
  };
  await validBy(BY_EVENTS, recent, { progress: (line) => progress.push(line) }, lying({ eth_getLogs: slow }));
  assert.match(progress.join("\n"), /^the contract's events: block \d+ of \d+, batch \d+ of 13$/);
});

test("events that do not add up are of no use", async () => {
  const events = (change) => lying({ eth_getLogs: async (params, real) => change(await real()) });
  const topics = (log, at, to) => ({ ...log, topics: log.topics.with(at, to) });
  for (const [why, change] of [
    ["they end with batch 0 of 1003", () => []],
    ["they end with batch 1002 of 1003", (all) => all.slice(0, -1)],
    ["batch 4 follows 2", (all) => all.toSpliced(2, 1)],
    ["batch 3 follows 3", (all) => all.toSpliced(2, 0, all[2])],
    ["they do not give the contract's logRoot", (all) => all.with(500, topics(all[500], 2, hashOf("x")))],
    ["one is not the contract's BatchAnchored", (all) => all.with(500, topics(all[500], 0, hashOf("x")))],
    ["one is not the contract's BatchAnchored", (all) => all.with(500, { ...all[500], address: `0x${"11".repeat(20)}` })],
    ["one is not the contract's BatchAnchored", (all) => all.with(500, null)],
    ["the answer cannot be read", () => "0x"],
  ]) {
    const line = await validBy(BY_RECEIPT, aged, {}, events(change));
    assert.ok(line.includes(` (events: ${why}): `), `${why}: ${line}`);
  }
  const late = changed(aged, (p) => (p.chain.deployed_block = p.chain.block_number));
  assert.match(await validBy(BY_RECEIPT, late), /\(events: batch 3 follows 0\)/);
});

const selector = (name) => shop.contract.interface.getFunction(name).selector;
const answering = (name, answer) => lying({ eth_call: ([tx], real) => (tx.data.startsWith(selector(name)) ? answer : real()) });
test("each answer of the contract counts", async () => {
  assert.match(
    await validBy(BY_RECEIPT, aged, { log: await serve(tells(shop)) }, answering("logRoot", hashOf("x"))),
    /\(gateway: the answer is about another log than the contract's; events: they do not give the contract's logRoot\)/,
  );
  for (const [name, answer, step, why] of [
    ["contains", word(0), "contains", "the contract does not hold the batch"],
    ["verify", word(0), "verify", "the contract does not accept it"],
    ["nextBatchId", word(3), "log_root", "the contract's log has size 2: it does not hold batch 3"],
    ["nextBatchId", word(0), "log_root", "the contract's log has size 0: it does not hold batch 3"],
  ]) {
    const result = await verify(aged, {}, answering(name, answer));
    assert.deepEqual([result.step, result.why], [step, why]);
  }
});

test("a batch that is not the log's is found, however well it is made", async () => {
  const forged = changed(aged, (p) => {
    Object.assign(p, { proof: [], batch: { id: "3", root: p.leaf, size: "1", leaf_index: "0" } });
    const entries = [...shop.batches.slice(0, 2), p.batch].map(entry);
    p.log = { size: "3", root: treeHead(entries), path: inclusionPath(2, entries) };
  });
  const { step, why } = await verify(forged, { log: await serve(tells(shop)) });
  assert.equal(step, "log_root");
  const { root, size } = aged.batch;
  assert.equal(why, `the contract's log of size 1003, rebuilt from its events, has another batch 3: root ${root}, size ${size}`);
});

test("a reorg that puts another batch in the last one's place", async () => {
  const before = await provider.send("evm_snapshot", []);
  const { proof: last } = await shop.sell([]);
  const first = { ...aged, log: shop.inclusion(aged.batch.id) };
  await validBy(BY_ITSELF, first);
  await validBy(BY_ITSELF, last);
  await provider.send("evm_revert", [before]);
  shop.batches.pop();

  const { step, why } = await verify(last);
  assert.equal(step, "log_root");
  assert.equal(why, "the contract's log has size 1003: it does not hold batch 1004");
  await validBy(BY_EVENTS, first); // its log is longer than the contract's now
  await validBy(BY_GATEWAY, first, { log: await serve(tells(shop)) });

  await shop.follow(1);
  await validBy(BY_EVENTS, first);
  await validBy(BY_GATEWAY, first, { log: await serve(tells(shop)) });
  assert.match((await verify(last)).why, /^the contract's log of size 1004, rebuilt from its events, has another batch 1004: /);
  assert.equal((await verify(last, {}, lying({ eth_getLogs: refuse() }))).step, "transaction");
});

