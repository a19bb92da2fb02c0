// What a node's answers do to a proof that no other batch has followed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Unreachable, jsonRPC } from "../../verify/tillseal-verify.mjs";
import { startAnvil } from "./anvil.mjs";
import { lyingNode, serve, stopServers, verify as run, word } from "./lies.mjs";
import { changed, hashOf, openShop, provide } from "./shop.mjs";

let chain, provider, rpc, lying, recent;
const verify = (proof, node) => run(proof, {}, node);

before(async () => {
  chain = await startAnvil();
  provider = provide(chain);
  rpc = jsonRPC(chain.url);
  lying = lyingNode(rpc);
  const shop = await openShop(provider);
  await shop.follow(2);
  ({ proof: recent } = await shop.sell());
});

after(async () => {
  stopServers();
  provider?.destroy();
  await chain?.stop();
});

test("each answer about the transaction and its block counts", async () => {
  const { tx_hash: tx, block_number: number, block_hash: hash } = recent.chain;
  const receipt = await rpc("eth_getTransactionReceipt", tx);
  const [log] = receipt.logs;
  const other = { ...log, address: `0x${"11".repeat(20)}` };
  const logs = (...all) => ["eth_getTransactionReceipt", { ...receipt, logs: all }];
  const atHeight = (answer) => ["eth_getBlockByNumber", (params, real) => (params[0] === "latest" ? real() : answer)];
  for (const [[method, answer], step, why] of [
    [["eth_getTransactionReceipt", null], "transaction", "the chain does not know the transaction"],
    [["eth_getTransactionReceipt", { ...receipt, status: "0x0" }], "transaction", "the transaction failed"],
    [logs(), "transaction", "it did not anchor this batch"],
    [logs(null, other), "transaction", "it did not anchor this batch"],
    [logs({ ...log, topics: log.topics.with(1, word(2)) }), "transaction", "it did not anchor this batch"],
    [logs({ ...log, topics: log.topics.with(2, hashOf("x")) }), "transaction", "it anchored another root"],
    [logs({ ...log, data: word(99) }), "transaction", `it anchored a batch of 99, not ${recent.batch.size}`],
    [["eth_getTransactionReceipt", { ...receipt, blockNumber: "0x63" }], "block", `the transaction is in block 99, not ${number}`],
    [["eth_getTransactionReceipt", { ...receipt, blockHash: hashOf("x") }], "block", "the transaction is in a block with another hash"],
    [atHeight({ number: "0x1", hash: hashOf("x") }), "block", "the block is not on the chain (any more)"],
    [atHeight(null), "block", "the block is not on the chain (any more)"],
  ]) {
    const lie = typeof answer === "function" ? answer : () => answer;
    const result = await verify(recent, lying({ [method]: lie }));
    assert.deepEqual([result.step, result.why], [step, why]);
  }
  assert.deepEqual((await verify(recent, lying({ eth_getTransactionReceipt: () => receipt }))).verdict, "valid");

  const final = changed(recent, (p) => (p.chain.finality = "final"));
  const finalized = (answer) => lying({ eth_getBlockByNumber: (params, real) => (params[0] === "finalized" ? answer() : real()) });
  const unknown = () => {
    throw new Unreachable("eth_getBlockByNumber", "JSON-RPC error -39001", { code: -39001 });
  };
  for (const answer of [() => null, unknown]) {
    assert.equal((await verify(final, finalized(answer))).why, "the chain has no finalized block yet");
  }
  assert.equal((await verify(final, finalized(() => ({ number: "0x1", hash })))).why, `the finalized block is 1, below ${number}`);
  assert.equal((await verify(final, finalized(() => ({ number: "0xffff", hash })))).verdict, "valid");
});

test("the contract is read at one block, which is asked for again where it is not there yet", async () => {
  const head = await provider.send("eth_getBlockByNumber", ["latest", false]);
  let refusals = 2;
  const asked = new Set();
  const at = ([, block], real) => {
    if (refusals-- > 0) throw new Unreachable("eth_call", "JSON-RPC error -32000", { code: -32000 });
    asked.add(JSON.stringify(block));
    return real();
  };
  assert.equal((await verify(recent, lying({ eth_getCode: at, eth_call: at }))).verdict, "valid");
  assert.deepEqual([...asked], [JSON.stringify({ blockHash: head.hash })]);
});

test("a node that answers rubbish says nothing about the proof", async () => {
  for (const method of ["eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_call", "eth_getTransactionReceipt"]) {
    for (const rubbish of ["sesame", {}, [null], 7, "0x0z"]) {
      await assert.rejects(verify(recent, lying({ [method]: () => rubbish })), (error) => {
        assert.match(error.message, new RegExp(`^\\w+: the node could not be queried \\(${method}: the answer cannot be read\\)$`));
        return error instanceof Unreachable;
      }, `${method}: ${JSON.stringify(rubbish)}`);
    }
  }
  const noHead = lying({ eth_getBlockByNumber: () => null });
  await assert.rejects(verify(recent, noHead), { message: /^contract: .*\(eth_getBlockByNumber: the answer cannot be read\)$/ });
  const noHash = lying({ eth_getBlockByNumber: (params, real) => (params[0] === "latest" ? real() : { number: "0x1" }) });
  await assert.rejects(verify(recent, noHash), { message: /^block: .*\(eth_getBlockByNumber: the answer cannot be read\)$/ });
  const noLogs = lying({ eth_getTransactionReceipt: async (params, real) => ({ ...(await real()), logs: undefined }) });
  await assert.rejects(verify(recent, noLogs), { message: /^transaction: .*\(eth_getTransactionReceipt: the answer cannot be read\)$/ });
});

test("why a node gave no answer is said in our own words", async () => {
  for (const [answer, why] of [
    [(req, res) => res.writeHead(429).end("sesame"), "HTTP status 429"],
    [(req, res) => res.writeHead(400).end('{"error":{"code":-32000,"message":"sesame"}}'), "HTTP status 400"],
    [(req, res) => res.end('{"error":{"code":-32000,"message":"sesame"}}'), "JSON-RPC error -32000"],
    [(req, res) => res.end('{"error":"sesame"}'), "JSON-RPC error 0"],
    [(req, res) => res.end("sesame"), "the answer cannot be read"],
    [(req, res) => res.end("null"), "the answer cannot be read"],
    [(req, res) => res.destroy(), "the answer cannot be read"],
  ]) {
    const node = jsonRPC(await serve(answer));
    await assert.rejects(node("eth_chainId"), { message: `the node could not be queried (eth_chainId: ${why})` });
  }
});
