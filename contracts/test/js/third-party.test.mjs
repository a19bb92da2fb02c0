// The proof that our program verifies is verified by other people's code too.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { startAnvil } from "./anvil.mjs";
import { JWKS, changed, hashOf, hashSale, here, openShop, provide, signPromise } from "./shop.mjs";

let chain, provider, shop, proof, folder, keys;

before(async () => {
  chain = await startAnvil();
  provider = provide(chain);
  shop = await openShop(provider);
  await shop.follow(2);
  ({ proof } = await shop.sell());
  folder = mkdtempSync(join(tmpdir(), "tillseal-"));
  keys = join(folder, "jwks.json");
  writeFileSync(keys, JSON.stringify(JWKS));
});

after(async () => {
  provider?.destroy();
  await chain?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

async function verify(p, url = chain.url) {
  const child = spawn(process.execPath, [here("tools/third-party.mjs"), url, "-", keys]);
  child.stdin.end(JSON.stringify(p));
  const [said] = await Promise.all([text(child.stdout), once(child, "close")]);
  assert.doesNotMatch(said, /sesame|127\.0\.0\.1/);
  return { code: child.exitCode, said: said.trimEnd() };
}

test("a true proof is valid, and whatever is altered in it is found", async () => {
  assert.deepEqual(await verify(proof), { code: 0, said: "valid" });
  for (const [change, why] of [
    [(p) => (p.request = Buffer.from("{}").toString("base64")), "the request is another"],
    [(p) => (p.sale.total = "1249.51"), "the sale has another hash"],
    [(p) => (p.amount_wei = "1"), "the total is worth another amount"],
    [(p) => (p.leaf = hashOf("x")), "the leaf is another"],
    [(p) => (p.proof[0] = hashOf("x")), "the leaf is not in the batch"],
    [(p) => (p.promise = signPromise(p.sale, hashOf("x"))), "the promise is of another record"],
    [(p) => (p.promise = p.promise.replace(/\.[^.]+$/, `.${"A".repeat(86)}`)), "it failed (ERR_JWS_SIGNATURE_VERIFICATION_FAILED)"],
    [(p) => (p.chain.chain_id = "1"), "the node is on another chain"],
    [(p) => (p.log.root = hashOf("x")), "the contract has another log"],
    [(p) => (p.log.path[0] = hashOf("x")), "the contract does not hold it"],
    [(p) => (p.batch.id = "2"), "the contract does not hold it"],
    [(p) => (p.chain.tx_hash = hashOf("x")), "the transaction did not anchor the batch"],
    [(p) => (p.chain.block_hash = hashOf("x")), "it is in another block"],
    [(p) => (p.chain.finality = "final"), "the block is not final"],
    [(p) => delete p.batch, "it failed (TypeError)"],
  ]) {
    assert.deepEqual(await verify(changed(proof, change)), { code: 1, said: `invalid: ${why}` });
  }
  const forged = changed(proof, (p) => {
    p.sale.pointsBalance = "100143";
    p.sale_hash = hashSale(p.sale);
  });
  assert.equal((await verify(forged)).said, "invalid: the leaf is another");
  const away = await verify(proof, "http://127.0.0.1:1/sesame");
  assert.deepEqual(away, { code: 2, said: "unknown: it failed (ECONNREFUSED)" });
});

test("the path of a proof that has aged is made of the contract's events", async () => {
  const { proof: old } = await shop.sell([]);
  await shop.follow(5);
  assert.deepEqual(await verify(old), { code: 0, said: "valid" });
  const { said } = await verify(changed(old, (p) => (p.chain.deployed_block = p.chain.block_number)));
  assert.equal(said, "invalid: the contract's events do not make its log");
});
