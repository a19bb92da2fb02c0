import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { Wallet, keccak256 } from "ethers";
import { entry, hashSale as ours, jsonRPC, verifyProof, weiFor } from "../../verify/tillseal-verify.mjs";
import { startAnvil } from "./anvil.mjs";
import { JWKS, SALES, changed as change, hashOf, hashSale, here, openShop, provide, read, signPromise } from "./shop.mjs";

const { vectors: PRICES } = JSON.parse(read("testdata/pricing.json"));

const GAS_WITHOUT_A_NEW_SLOT_MAX = 36_000n;

let chain, provider, shop, sold;

// A contract with three batches on it, and the proof of one sale of the third.
before(async () => {
  chain = await startAnvil();
  provider = provide(chain);
  shop = await openShop(provider);
  await shop.follow(2);
  sold = await shop.sell();
  await provider.send("anvil_mine", ["0x2"]);
  sold.proof.chain.finality = "final";
});

after(async () => {
  provider?.destroy();
  await chain?.stop();
});

// The command as a shopper would run it, the proof on its standard input.
const command = (proof, url = chain.url, ...more) => runWith(typeof proof === "string" ? proof : JSON.stringify(proof), url, "-", ...more);
const run = (...args) => runWith("", ...args);

async function runWith(input, ...args) {
  const child = spawn(process.execPath, [here("tools/verify-proof.mjs"), ...args], { stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  child.stdin.on("error", () => {}).end(input);
  const [code] = await once(child, "close");
  return { code, lines: output.trimEnd().split("\n") };
}

const changed = (how) => change(sold.proof, how);
const verdict = (proof, options) => verifyProof(proof, jsonRPC(chain.url), options);

test("the hash vectors hold here too", () => {
  for (const v of SALES) assert.deepEqual([ours(v.sale), hashSale(v.sale)], [v.sale_hash, v.sale_hash]);
  for (const v of PRICES) assert.equal(weiFor(v.total, v.rate).toString(), v.wei);
});

test("the code on the chain is the checked-in runtime code", async () => {
  assert.equal(await provider.getCode(await shop.contract.getAddress()), `0x${read("binding/SaleAnchor.bin-runtime").trim()}`);
});

test("a batch that takes no new slot costs no more gas than promised", () => {
  assert.ok(sold.gasUsed <= GAS_WITHOUT_A_NEW_SLOT_MAX, `${sold.gasUsed}`);
});

test("a true proof is valid, step by step", async () => {
  const { code, lines } = await command(sold.proof);
  assert.equal(lines.at(-1), "valid", lines.join("\n"));
  assert.equal(code, 0);
  assert.equal(lines.length, 18);
  for (const line of lines.slice(0, -1)) assert.match(line, /^ok {4}[a-z_]+: /);
});

test("the contract that the shop published is compared with the proof's", async () => {
  const { contract } = sold.proof.chain;
  assert.equal((await command(sold.proof, chain.url, "--contract", contract)).code, 0);
  const other = await command(sold.proof, chain.url, "--contract", Wallet.createRandom().address);
  assert.equal(other.code, 1);
  assert.match(other.lines.at(-1), /^invalid: contract: /);
});

test("an invalid proof ends with the step that failed, and exit code 1", async () => {
  const { code, lines } = await command(changed((p) => (p.amount_wei = "1")));
  assert.equal(code, 1);
  assert.match(lines.at(-1), /^invalid: amount: /);
  const broken = await command("{");
  assert.equal(broken.code, 1);
  assert.match(broken.lines.at(-1), /^invalid: shape: /);
});

test("help explains the three ways, and wrong usage shows no argument", async () => {
  const help = await run("--help");
  assert.equal(help.code, 0);
  for (const way of ["the gateway at --log", "the contract's events", "judged by its event"]) assert.ok(help.lines.join(" ").includes(way));
  const node = "http://sesame.example";
  for (const args of [
    ["sesame", "-", "sesame"],
    [node, "-", node],
    [node, "--rpc", node],
    ["sesame", "--sesame"],
    [node, "-", "--log", "sesame.example"],
    [node, "-", "--log"],
    ["--rpc", "sesame.example"],
    [node, "-", "--contract", "0x5e5a3e"],
    [node, "-", "--contract", sold.proof.chain.contract.replace(/[a-f]/, (c) => c.toUpperCase())], // a wrong checksum,
  ]) {
    const { code, lines } = await run(...args);
    assert.equal(code, 2, args.join(" "));
    assert.deepEqual(lines, ["wrong usage; see --help"]);
  }
});

test("a check with a node that does not answer is not completed, and does not show where the node is", async () => {
  const { code, lines } = await command(sold.proof, "http://127.0.0.1:1/v3/secret-api-key");
  assert.equal(code, 2);
  assert.match(lines.at(-1), /^unknown: /);
  assert.doesNotMatch(lines.join("\n"), /secret|127\.0\.0\.1/);
});

// Stated about the rate, but neither hashed nor on the chain.
const NOT_PROVED = new Set(["rate.tier", "rate.sources.0", "rate.observed_at"]);

test("no field that is proved can be changed", async (t) => {
  for (const path of leavesOf(sold.proof)) {
    if (NOT_PROVED.has(path.join("."))) continue;
    // Tests of their own: "final" has but one other value, which claims less; deployed_block matters once the events are
    // read; a proof with sorted pairs distinguishes positions only in part.
    if (["chain.finality", "chain.deployed_block", "batch.leaf_index"].includes(path.join("."))) continue;
    await t.test(path.join("."), async () => {
      const proof = changed((p) => set(p, path, another(get(p, path))));
      assert.equal((await verdict(proof, { jwks: JWKS })).verdict, "invalid", JSON.stringify(get(proof, path)));
    });
  }
});

test("no field can be left out, added or turned into another type", async () => {
  for (const path of leavesOf(sold.proof)) {
    if (NOT_PROVED.has(path.join("."))) continue;
    for (const wrong of [undefined, null, 7, {}]) {
      assert.equal((await verdict(changed((p) => set(p, path, wrong)))).verdict, "invalid", `${path.join(".")}: ${wrong}`);
    }
  }
  assert.equal((await verdict(changed((p) => (p.sale.note = "x")))).step, "shape");
  assert.equal((await verdict(null)).step, "shape");
});

test("a changed sale is found even when every hash above it is made to fit", async () => {
  const forged = changed((p) => {
    p.sale.pointsBalance = "100143";
    p.sale_hash = hashSale(p.sale);
    p.promise = signPromise(p.sale, p.sale_hash); // by the shop itself
    const tree = StandardMerkleTree.of([[p.sale_hash, p.amount_wei]], ["bytes32", "uint256"]);
    Object.assign(p, { leaf: tree.root, proof: [] });
    Object.assign(p.batch, { root: tree.root, size: "1", leaf_index: "0" });
  });
  assert.equal((await verdict(forged)).step, "log");
  forged.log = { size: "1", root: entry({ ...forged.batch, id: "1" }), path: [] };
  forged.batch.id = "1";
  assert.equal((await verdict(forged)).step, "log_root");
});

test("a log or a first block that cannot be is found before the chain is asked", async () => {
  const why = async (how) => whyOf(await verifyProof(changed(how), () => assert.fail("asked")));
  assert.deepEqual(await why((p) => (p.batch.id = "4")), ["log", "a log of size 3 does not have batch 4"]);
  assert.deepEqual(await why((p) => (p.batch.id = "0")), ["log", "a log of size 3 does not have batch 0"]);
  assert.deepEqual(await why((p) => p.log.path.pop()), ["log", "log.path does not lead from the batch to log.root"]);
  assert.deepEqual(await why((p) => (p.log.path = Array(65).fill(hashOf("x")))), ["shape", "log.path is not a list of at most 64"]);
  assert.deepEqual(await why((p) => p.log.path.push("0x12")), ["shape", "log.path[1] is malformed"]);
  assert.deepEqual(await why((p) => (p.chain.deployed_block = "999999")), ["shape", "chain.deployed_block is above chain.block_number"]);
});

test("a record that differs from the sale is found", async () => {
  for (const [record, step] of [
    ['{"currency":"INR","total":"1249.51","customer_id":"C-1001"}', "request"],
    ['{"currency":"USD","total":"1249.50","customer_id":"C-1001"}', "request"],
    ['{"currency":"INR","total":"1249.50","customer_id":"C-1002"}', "request"],
    ['{"kind":"refund","currency":"INR","total":"1249.50"}', "request"],
    ["not JSON", "request"],
    ['{"currency":"INR","total":"1249.500","customer_id":"C-1001"}', "sale_hash"], // the same total; only the hash differs
  ]) {
    const proof = changed((p) => {
      p.request = Buffer.from(record).toString("base64");
      p.sale.requestHash = keccak256(Buffer.from(record));
    });
    assert.equal((await verdict(proof)).step, step, record);
  }
});

const asked = (key, record) => {
  const bytes = Buffer.from(record);
  key.request = bytes.toString("base64");
  key.sale.requestHash = keccak256(bytes);
};

test("a total of zero, and no other, is proved without a rate", async () => {
  const { proof } = await shop.record();
  assert.deepEqual([proof.rate, proof.amount_wei], [null, "0"]);
  assert.equal((await verdict(proof)).verdict, "valid");
  const { proof: erasure } = await shop.record((key) => (key.sale.kind = "erasure"));
  assert.equal((await verdict(erasure)).verdict, "valid");
  const nothing = await shop.record((key) => {
    Object.assign(key.sale, { kind: "sale", currency: "INR", total: "0.00" });
    asked(key, '{"currency":"INR","total":"0"}');
  });
  assert.equal((await verdict(nothing.proof)).verdict, "valid");

  const { rate, amount_wei } = sold.proof;
  for (const zero of [proof, nothing.proof]) {
    assert.deepEqual(await why(zero, { rate }), ["amount", "the total is 0, which needs no rate, and there is one"]);
    assert.deepEqual(await why(zero, { amount_wei: "1" }), ["amount", "the total is 0, and amount_wei is 1"]);
    assert.equal((await why(zero, { rate, amount_wei }))[0], "amount");
  }
  assert.deepEqual(await why(sold.proof, { rate: null }), ["amount", "there is no rate, and the total is not 0"]);
  assert.deepEqual(await why(sold.proof, { amount_wei: "0" }), ["amount", "amount_wei is not ceil(total * 10^18 / rate)"]);
  assert.deepEqual(await why(sold.proof, { rate: null, amount_wei: "0" }), ["amount", "there is no rate, and the total is not 0"]);
  for (const wrong of [undefined, "null", 0, {}, []]) assert.equal((await why(proof, { rate: wrong }))[0], "shape", `${wrong}`);
});

const whyOf = ({ step, why }) => [step, why];
const why = async (proof, members) => whyOf(await verdict(change(proof, (p) => Object.assign(p, members))));

test("an adjustment moves the points that were asked for", async () => {
  const adjusted = async (request) => {
    const { proof } = await shop.record((key) => {
      Object.assign(key.sale, { kind: "adjustment", customerId: "C-1001", pointsDelta: "-50", pointsBalance: "93" });
      asked(key, request);
    });
    return verdict(proof);
  };
  assert.equal((await adjusted('{"customer_id":"C-1001","points":-50,"reason":"typed in twice","by":"asha"}')).verdict, "valid");
  for (const request of ['{"customer_id":"C-1001","points":50}', '{"customer_id":"C-1002","points":-50}', '{"customer_id":"C-1001"}', "[]"]) {
    assert.equal((await adjusted(request)).step, "request", request);
  }
});

test("a return without a receipt refunds no sale, and every other refund one", async () => {
  const sale = "019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a10";
  const back = async (refundOf, request) => {
    const { proof } = await shop.record((key) => {
      Object.assign(key.sale, { kind: "refund", refundOf, currency: "INR", total: "0.00", customerId: "C-1001" });
      asked(key, request);
    });
    return (await verdict(proof)).verdict === "valid";
  };
  const of = (members) => `{"kind":"refund","currency":"INR","total":"0.00"${members}}`;
  assert.equal(await back("", of(',"customer_id":"C-1001"')), true);
  assert.equal(await back("", of(',"customer_id":"C-1002"')), false);
  assert.equal(await back("", of(`,"refund_of_key":"${sale}"`)), false);
  assert.equal(await back(sale, of(`,"refund_of_key":"${sale}"`)), true);
  assert.equal(await back(sale, of(`,"refund_of":"${sale}"`)), true);
  assert.equal(await back(sale, of(',"customer_id":"C-1001"')), false);
});

test("a record that no till sends is of no currency, and only its hash is compared", async () => {
  for (const [spoil, step] of [
    [(key) => Object.assign(key.sale, { currency: "INR", total: "0.00" }), "request"],
    [(key) => (key.sale.currency = "JPY"), "request"],
    [(key) => (key.sale.total = "0.00"), "request"],
    [(key) => (key.sale.total = "1"), "request"],
    [(key) => (key.sale.requestHash = hashOf("another")), "request"],
    [(key) => (key.sale.kind = "sale"), "request"],
    [(key) => (key.sale.kind = "refund"), "request"],
    [(key) => (key.sale.kind = "gift"), "shape"],
    [(key) => (key.sale.kind = "sale") && asked(key, '{"currency":"XXX","total":"0"}'), "request"],
  ]) {
    const { proof } = await shop.record(spoil);
    assert.equal((await verdict(proof)).step, step, `${spoil}`);
  }
});

test("a false position in the batch is found where the tree shows it", async () => {
  const { size, leaf_index } = sold.proof.batch;
  for (const index of [size, String(Number(size) + 1), "18446744073709551616"]) {
    assert.equal((await verdict(changed((p) => (p.batch.leaf_index = index)))).step, "position");
  }
  const node = 2 * Number(size) - 2 - Number(leaf_index);
  const neighbour = node % 2 === 1 ? Number(leaf_index) - 1 : Number(leaf_index) + 1;
  assert.equal((await verdict(changed((p) => (p.batch.leaf_index = String(neighbour))))).step, "position");
});

test("a proof that leads elsewhere is found before the chain is asked", async () => {
  assert.deepEqual(await why(sold.proof, { proof: sold.proof.proof.with(0, hashOf("x")) }), ["proof", "it does not lead to the root"]);
  assert.equal((await verdict(changed((p) => (p.batch.root = hashOf("x"))))).step, "proof");
});

test("a sibling deployment by the same shop does not pass for this one", async () => {
  const other = await openShop(provider);
  await other.follow(2);
  const { proof } = await other.sell();
  assert.equal((await verdict(proof)).verdict, "valid");
  assert.equal((await verdict(changed((p) => (p.chain.tx_hash = proof.chain.tx_hash)))).step, "transaction");
  assert.equal((await verdict(changed((p) => (p.chain.contract = proof.chain.contract)))).step, "transaction");
});

test("a contract of other code is refused, whatever it answers", async () => {
  const yes = await (await provider.getSigner(0)).sendTransaction({ data: "0x600980600a5f395ff360015f5260205ff3" });
  const { contractAddress } = await yes.wait();
  assert.notEqual(await provider.getCode(contractAddress), "0x");
  assert.equal((await verdict(changed((p) => (p.chain.contract = contractAddress)))).step, "contract");
  const nothing = await verdict(changed((p) => (p.chain.contract = Wallet.createRandom().address)));
  assert.deepEqual([nothing.step, nothing.why], ["contract", "there is no contract at this address"]);
});

test("final means final", async () => {
  const { proof } = await shop.sell([]);
  assert.equal((await verdict(proof)).verdict, "valid");
  proof.chain.finality = "final";
  assert.equal((await verdict(proof)).step, "finality");
  await provider.send("anvil_mine", ["0x2"]);
  assert.equal((await verdict(proof)).verdict, "valid");
});

function* leavesOf(value, path = []) {
  if (typeof value !== "object") yield path;
  else for (const key of Object.keys(value)) yield* leavesOf(value[key], [...path, key]);
}

const get = (value, path) => path.reduce((v, key) => v[key], value);

function set(value, path, to) {
  const parent = get(value, path.slice(0, -1));
  if (to === undefined && !Array.isArray(parent)) delete parent[path.at(-1)];
  else parent[path.at(-1)] = to;
}

// Another well-formed value of the same kind, so that it is not its form that is refused.
function another(value) {
  if (value === "") return "x";
  if (value === "sale") return "refund";
  const last = value.at(-1);
  if (/^0x/.test(value)) return value.slice(0, -1) + (last === "0" ? "1" : "0");
  if (/^-?[0-9.]+$/.test(value)) return value.slice(0, -1) + (last === "1" ? "2" : "1");
  return value.slice(0, -1) + (last === "A" ? "B" : "A");
}
