#!/usr/bin/env node
// A small audit with psql, Node's cryptography, ethers and OpenZeppelin's tree. It imports nothing of the shop's software, so that
// whoever does not want to trust tillseal audit can read this instead. It checks hashes, promises, chains, balances, batches and the
// contract's log, and names what it finds as tillseal audit does (infra/docs/AUDITING.md).
//
//   DB_URL=postgres://auditor@… node tools/audit.mjs <rpc-url> <contract>
//
// Exit code 0: nothing was found. 1: each finding is a line. 2: nothing was found before it could not be completed.
import { spawn } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { AbiCoder, TypedDataEncoder, ZeroHash, concat, id, keccak256 } from "ethers";

const SALE = "string saleId,string kind,string refundOf,string storeId,string terminalId,uint64 recordNumber,bytes32 previousHash," +
  "string customerId,string currency,string total,int64 pointsDelta,int64 pointsBalance,uint64 purchaseNumber,uint64 recordedAt," +
  "bytes32 requestHash,bytes32 salt";
const TYPES = { Sale: SALE.split(",").map((field) => field.split(" ")).map(([type, name]) => ({ type, name })) };

const HOUR_MS = 3_600_000; // that a record may wait for its batch, or a gateway's clock be ahead

// One snapshot; each row is a line of JSON, in which what may be beyond 2^53 is text.
const SQL = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT json_build_object('of', 'key', 'kid', kid, 'jwk', jwk) FROM audit.promise_key;
SELECT json_build_object('of', 'sale', 'saleId', sale_id, 'kind', kind, 'refundOf', coalesce(refund_of::text, ''), 'storeId', store_id,
  'terminalId', terminal_id, 'recordNumber', record_number, 'previousHash', previous_hash, 'customerId', coalesce(customer_id, ''),
  'currency', currency, 'total', total, 'pointsDelta', points_delta::text, 'pointsBalance', points_balance::text,
  'purchaseNumber', purchase_number, 'recordedAt', recorded_at_us::text, 'request', '0x' || encode(request, 'hex'),
  'salt', '0x' || encode(salt, 'hex'), 'sale_hash', sale_hash, 'answer', encode(answer, 'base64'),
  'promised', recorded_at_us > least(coalesce((SELECT max(recorded_at_us) FROM audit.unpromised), -1),
    (SELECT min(recorded_at_us) + 86400000000 FROM audit.sale WHERE kind = 'key')),
  'leaves', (SELECT json_agg(json_build_array(l.batch_id, l.sale_hash))
             FROM audit.batch_leaf l JOIN audit.batch b USING (deployment, batch_id)
             WHERE l.sale_id = s.sale_id AND b.in_log AND b.contract = lower(:'contract')))
  FROM audit.sale s ORDER BY terminal_id, record_number;
SELECT json_build_object('of', 'head', 'chain', terminal_id, 'records', records, 'hash', head_hash) FROM audit.terminal;
SELECT json_build_object('of', 'account', 'customer', customer_id, 'balance', points_balance::text, 'purchases', purchases)
  FROM audit.loyalty_account;
SELECT json_build_object('of', 'batch', 'id', batch_id, 'root', root, 'size', size, 'ours', ours, 'leaves',
  (SELECT json_agg(json_build_array(sale_hash, amount_wei::text)) FROM audit.batch_leaf l
   WHERE l.deployment = b.deployment AND l.batch_id = b.batch_id), 'alone', (SELECT count(*) FROM audit.batch_leaf l
   WHERE l.deployment = b.deployment AND l.batch_id = b.batch_id AND NOT EXISTS (SELECT FROM audit.sale s WHERE s.sale_id = l.sale_id)))
  FROM audit.batch b WHERE in_log AND contract = lower(:'contract') ORDER BY batch_id;`;

async function* rows(contract) {
  const options = ["-XqAt", "-v", "ON_ERROR_STOP=1", "-v", "FETCH_COUNT=500", "-v", `contract=${contract}`, "-d", process.env.DB_URL];
  const psql = spawn("psql", options, { stdio: ["pipe", "pipe", "inherit"] });
  const closed = once(psql, "close").then(([code]) => code, () => "not started");
  psql.stdin.on("error", () => {}).end(SQL); // that it ended early is told by its exit code
  for await (const line of createInterface(psql.stdout)) yield JSON.parse(line);
  if ((await closed) !== 0) throw new Error("psql could not read the views");
}

// The contract's log at the last final block.
async function logOf(rpc, contract) {
  const ask = async (method, ...params) => {
    const request = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      signal: AbortSignal.timeout(15_000),
    };
    const answer = await fetch(rpc, request).then((response) => response.json()).catch(() => ({}));
    if (!answer.result) throw new Error(`the node does not answer ${method}`); // no word of its URL, which may hold a key
    return answer.result;
  };
  const { hash: blockHash } = await ask("eth_getBlockByNumber", "finalized", false);
  const call = (name) => ask("eth_call", { to: contract, data: id(`${name}()`).slice(0, 10) }, { blockHash });
  const [next, root] = [await call("nextBatchId"), await call("logRoot")];
  return next === "0x" ? { size: 0, root: ZeroHash } : { size: Number(next) - 1, root }; // 0x: there was no contract yet
}

function treeHead(d) { // RFC 9162, section 2.1.1
  if (d.length < 2) return d[0] ?? ZeroHash;
  const k = 2 ** Math.ceil(Math.log2(d.length) - 1);
  return keccak256(concat(["0x01", treeHead(d.slice(0, k)), treeHead(d.slice(k))]));
}

// What a row that was altered may make impossible.
function tried(compute) {
  try {
    return compute();
  } catch {
    return undefined;
  }
}

function signedBy(keys, r) {
  const [header, claims, signature] = (JSON.parse(Buffer.from(r.answer, "base64")).promise ?? "..").split(".");
  const json = (part) => JSON.parse(Buffer.from(part || "e30", "base64url"));
  const key = keys.get(json(header).kid);
  const said = json(claims);
  return key !== undefined && said.sale_hash === r.sale_hash && said.sub === r.saleId && json(header).alg === "EdDSA" &&
    verify(null, Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"));
}

let findings = 0;

async function audit(rpc, contract) {
  const found = (what) => {
    findings++;
    console.log(what.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd")); // whoever owns the database chose the ids
  };
  const log = await logOf(rpc, contract); // before the snapshot, which then has all that the log has
  const [keys, ends, customers, entries] = [new Map(), new Map(), new Map(), []];
  let [records, unanchored, last] = [0, 0, {}];
  const look = {
    key: (k) => keys.set(k.kid, tried(() => createPublicKey({ key: JSON.parse(k.jwk), format: "jwk" }))),
    sale(r) {
      const at = `${r.terminalId}/${r.recordNumber}`;
      if (last.chain !== r.terminalId) last = { chain: r.terminalId, number: 0, hash: ZeroHash };
      const hash = tried(() => TypedDataEncoder.hashStruct("Sale", TYPES, { ...r, requestHash: keccak256(r.request) }));
      if (hash !== r.sale_hash) found(`record_altered: ${at}`);
      else if (r.promised && !tried(() => signedBy(keys, r))) found(`record_forged: ${at}`);
      else for (const [batch, leaf] of r.leaves ?? []) if (leaf !== hash) found(`leaf_altered: batch ${batch}`);
      if (r.recordNumber > last.number + 1) found(`record_missing: ${last.chain}/${last.number + 1}`);
      else if (r.recordNumber <= last.number) found(`record_doubled: ${at}`);
      else if (r.previousHash !== last.hash) found(`record_unlinked: ${last.chain}/${last.number}`);
      last = { chain: r.terminalId, number: r.recordNumber, hash: r.sale_hash };
      ends.set(last.chain, last);
      if (r.customerId) {
        const { balance, purchases } = customers.get(r.customerId) ?? { balance: 0n, purchases: 0 };
        customers.set(r.customerId, { balance: balance + BigInt(r.pointsDelta ?? 0), purchases: Math.max(purchases, r.purchaseNumber) });
      }
      records++;
      unanchored += r.leaves ? 0 : 1;
      const age = Date.now() - Number(r.recordedAt) / 1000;
      if (!r.leaves && !(Math.abs(age) < HOUR_MS)) found(`not_anchored: ${at}`);
    },
    head(h) {
      const end = ends.get(h.chain) ?? { number: 0, hash: ZeroHash };
      ends.delete(h.chain);
      if (h.records > end.number) found(`record_missing: ${h.chain}/${end.number + 1}`);
      else if (h.records !== end.number || h.hash !== end.hash) found(`head_altered: ${h.chain}/${end.number}`);
    },
    account(a) {
      const c = customers.get(a.customer) ?? { balance: 0n, purchases: 0 };
      customers.delete(a.customer);
      if (BigInt(a.balance ?? -1) !== c.balance || a.purchases !== c.purchases) found(`account_altered: customer ${a.customer}`);
    },
    batch(b) {
      const root = tried(() => StandardMerkleTree.of(b.leaves, ["bytes32", "uint256"]).root);
      if (b.ours && (root !== b.root || b.leaves?.length !== b.size)) found(`batch_altered: batch ${b.id}`);
      if (b.alone > 0) found(`leaf_alone: batch ${b.id}`);
      const encoded = tried(() => AbiCoder.defaultAbiCoder().encode(["uint64", "bytes32", "uint32"], [b.id, b.root, b.size]));
      entries.push(keccak256(concat(["0x00", encoded ?? "0x"])));
    },
  };
  for await (const row of rows(contract)) look[row.of](row);
  for (const end of ends.values()) found(`head_altered: ${end.chain}/${end.number}`);
  for (const customer of customers.keys()) found(`account_altered: customer ${customer}`);
  if (entries.length < log.size || treeHead(entries.slice(0, log.size)) !== log.root) found("log_differs: the contract has another log");
  console.error(`${records} records, ${unanchored} in no batch yet; ${entries.length} batches, ${log.size} of them final on the chain`);
}

const [rpc, contract] = process.argv.slice(2);
if (!URL.canParse(rpc ?? "") || !/^0x[0-9a-fA-F]{40}$/.test(contract ?? "") || !process.env.DB_URL) {
  console.error("usage: DB_URL=postgres://… node tools/audit.mjs <rpc-url> <contract>");
  process.exit(2);
}
audit(rpc, contract).then(() => process.exit(findings > 0 ? 1 : 0), (error) => {
  console.error(`could not be completed: ${error.message}`);
  process.exit(findings > 0 ? 1 : 2);
});
