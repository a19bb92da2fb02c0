import assert from "node:assert/strict";
import { test } from "node:test";
import { entry, inclusionPath, leadsTo, node, treeHead } from "../../verify/tillseal-verify.mjs";
import { hashOf, read } from "./shop.mjs";

const LOG = JSON.parse(read("testdata/log.json"));
const BATCHES = LOG.batches.map(({ batch_id, root, size }) => ({ id: batch_id, root, size }));

test("the log agrees with the vectors, which other code made", () => {
  const entries = BATCHES.map(entry);
  assert.deepEqual(entries, LOG.entries);
  LOG.roots.forEach((root, i) => assert.equal(treeHead(entries, 0, i + 1), root, `of ${i + 1} batches`));
  for (const { batch_id, log_size, path } of LOG.inclusion) {
    assert.deepEqual(inclusionPath(Number(batch_id) - 1, entries.slice(0, Number(log_size))), path);
    assert.ok(leadsTo(BATCHES[batch_id - 1], { size: log_size, root: LOG.roots[log_size - 1], path }));
  }
});

test("of no batches the root is the contract's", () => assert.equal(treeHead([]), `0x${"00".repeat(32)}`));

test("a path leads from its own batch to its own root and nowhere else", () => {
  for (let size = 1; size <= 17; size++) {
    const entries = BATCHES.slice(0, size).map(entry);
    const root = treeHead(entries);
    for (const [i, batch] of BATCHES.slice(0, size).entries()) {
      const path = inclusionPath(i, entries);
      const log = { size, root, path };
      assert.ok(leadsTo(batch, log));
      assert.ok(!leadsTo({ ...batch, size: String(Number(batch.size) + 1) }, log));
      assert.ok(!leadsTo({ ...batch, root: hashOf("another") }, log));
      for (const id of [0, i, i + 2, size, size + 1]) if (id !== i + 1) assert.ok(!leadsTo({ ...batch, id: String(id) }, log), `${id}`);
      assert.ok(!leadsTo(batch, { ...log, root: hashOf("another") }));
      assert.ok(!leadsTo(batch, { ...log, path: [...path, root] }));
      if (path.length === 0) continue;
      assert.ok(!leadsTo(batch, { ...log, path: path.slice(1) }));
      assert.ok(!leadsTo(batch, { ...log, path: path.slice(0, -1) }));
      path.forEach((_, at) => assert.ok(!leadsTo(batch, { ...log, path: path.with(at, hashOf("another")) })));
    }
  }
});

test("a root that is made to fit does not make up for a wrong place or length", () => {
  const batch = BATCHES[0];
  const ninth = { ...batch, id: "9" };
  const another = hashOf("another");
  assert.ok(leadsTo(batch, { size: 1, root: entry(batch), path: [] }));
  assert.ok(!leadsTo(ninth, { size: 1, root: entry(ninth), path: [] }), "beyond the log");
  assert.ok(!leadsTo(batch, { size: 1, root: node(another, entry(batch)), path: [another] }), "above the root");
  assert.ok(!leadsTo(batch, { size: 2, root: entry(batch), path: [] }), "below the root");
});
