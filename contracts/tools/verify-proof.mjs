#!/usr/bin/env node
// Verifies the proof of a sale (GET /sales/{id}/proof) against the chain; USAGE below says how.
//
// The hashing is ethers' and OpenZeppelin's (proof-facts.mjs), the log of batches is written from RFC 9162 (batch-log.mjs),
// the chain is queried over plain JSON-RPC (rpc.mjs). URLs may hold API keys and are never printed.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Interface, getAddress } from "ethers";
import { emitted, findPath } from "./log-path.mjs";
import * as facts from "./proof-facts.mjs";
import { promise, readKeys } from "./promise.mjs";
import { BYTES32, Invalid, Skipped, must } from "./proof-facts.mjs";
import { Unreachable, blockAt, jsonRPC, quantity, readAt, unreadable } from "./rpc.mjs";

export { jsonRPC };
export { hashSale, weiFor } from "./proof-facts.mjs";

const USAGE = `verify-proof.mjs: checks the proof of a sale against the chain, and needs nothing else from the shop.

  node tools/verify-proof.mjs <rpc-url> [proof.json | -] [--contract 0x…] [--log URL] [--jwks URL|file]

The proof is the JSON of GET /sales/{id}/proof, from a file or standard input. Every hash is recomputed, then the chain is
queried, preferably at a node of your own choice. A shop could deploy a second contract: --contract names the one that it
published. One line is printed for each step; the last line is "valid" or "invalid: <step>: <why>".

The contract keeps one log of all batches. The proof has its batch's path in the log as it was when the proof was made; once
other batches have followed, a path in the longer log is needed. It is taken from the first of these that has it, and the
line of log_root says which:
  1. the gateway at --log, if given: a shop's base URL. What it answers is checked against the contract's logRoot.
  2. the contract's events, all of them since its first block. That can take minutes; progress goes to standard error.
  3. none: the batch is judged by its event in its transaction's receipt alone. log_root, contains and verify are skipped.
Neither 1 nor 2 is needed while no other batch has followed.

A proof has the promise that the till got with its 201. It must be of this record; with --jwks, the shop's
/.well-known/jwks.json, its signature is verified too.

Exit code 0: valid. 1: invalid. 2: wrong usage, or the node could not be queried: the check could not be completed.
Not provable, and so the shop's word: the rate's tier, sources and time, which of the positions that fit is leaf_index, and
deployed_block where the events are not read.
`;

const SALE_ANCHOR = new Interface([
  "function nextBatchId() view returns (uint64)",
  "function logRoot() view returns (bytes32)",
  "function contains(uint64 batchId, bytes32 root, uint32 size, bytes32[] path) view returns (bool)",
  "function verify(uint64 batchId, uint32 size, bytes32 saleHash, uint256 amountWei, bytes32[] proof, bytes32[] path) view returns (bool)",
]);

// The same at every deployment: the contract has no immutables, and the compiler appends no metadata.
const CODE = `0x${readFileSync(new URL("../binding/SaleAnchor.bin-runtime", import.meta.url), "utf8").trim()}`;

async function chainId(p, rpc) {
  must(quantity("eth_chainId", await rpc("eth_chainId")) === BigInt(p.chain.chain_id), "the node is on another chain");
}

// The code is read at the head, where all that follows is read of the contract: a chain may grow or be reorganised meanwhile.
async function contract(p, rpc, options, seen) {
  if (options.contract !== undefined) {
    must(getAddress(options.contract) === getAddress(p.chain.contract), "the proof names another contract");
  }
  seen.head = await blockAt(rpc, "latest");
  if (seen.head === null) throw unreadable("eth_getBlockByNumber");
  const code = await readAt(rpc, "eth_getCode", p.chain.contract, seen.head.hash);
  if (typeof code !== "string" || !/^0x([0-9a-f]{2})*$/.test(code)) throw unreadable("eth_getCode");
  must(code !== "0x", "there is no contract at this address");
  must(code === CODE, "the code at this address is not this SaleAnchor's");
}

// The contract's answer as it is at the head: one word, in hexadecimal.
async function call(p, rpc, seen, name, args = []) {
  const query = { to: p.chain.contract, data: SALE_ANCHOR.encodeFunctionData(name, args) };
  const answer = await readAt(rpc, "eth_call", query, seen.head.hash);
  if (!BYTES32.test(answer)) throw unreadable("eth_call");
  return answer;
}

async function logNow(p, rpc, options, seen) {
  const next = BigInt(await call(p, rpc, seen, "nextBatchId"));
  const size = next > 0n ? next - 1n : 0n; // below 1 is a node's lie
  seen.log = { size, root: await call(p, rpc, seen, "logRoot") };
  must(size >= BigInt(p.batch.id), `the contract's log has size ${size}: it does not hold batch ${p.batch.id}`);
  const { by, path, other, tried } = await findPath(p, seen, rpc, options);
  const unused = tried.length > 0 ? ` (${tried.join("; ")})` : "";
  if (other) {
    const { root, size: leaves } = other;
    throw new Invalid(`the contract's log of size ${size}, rebuilt from its events, has another batch ${p.batch.id}: root ${root}, size ${leaves}`);
  }
  if (by === undefined) {
    throw new Skipped(
      `no path in the contract's log of size ${size}${unused}: the log was not checked, the batch is judged by its event alone`,
    );
  }
  seen.path = path;
  return `: ${by}, in a log of size ${size}${unused}`;
}

async function accepts(p, rpc, seen, name, args) {
  if (seen.path === undefined) throw new Skipped("there is no path to ask with");
  return BigInt(await call(p, rpc, seen, name, [...args, seen.path])) === 1n;
}

async function containsOnChain(p, rpc, options, seen) {
  must(await accepts(p, rpc, seen, "contains", [p.batch.id, p.batch.root, p.batch.size]), "the contract does not hold the batch");
}

async function verifyOnChain(p, rpc, options, seen) {
  const args = [p.batch.id, p.batch.size, p.sale_hash, p.amount_wei, p.proof];
  must(await accepts(p, rpc, seen, "verify", args), "the contract does not accept it");
}

async function transaction(p, rpc, options, seen) {
  const method = "eth_getTransactionReceipt";
  const receipt = await rpc(method, p.chain.tx_hash);
  must(receipt !== null, "the chain does not know the transaction");
  if (!Array.isArray(receipt.logs) || typeof receipt.blockHash !== "string") throw unreadable(method);
  must(quantity(method, receipt.status) === 1n, "the transaction failed");
  seen.mined = { number: quantity(method, receipt.blockNumber), hash: receipt.blockHash };

  const batches = receipt.logs.map((log) => emitted(log, p.chain.contract)).filter((batch) => batch?.id === p.batch.id);
  must(batches.length === 1, "it did not anchor this batch");
  must(batches[0].root === p.batch.root, "it anchored another root");
  must(batches[0].size === p.batch.size, `it anchored a batch of ${batches[0].size}, not ${p.batch.size}`);
}

async function block(p, rpc, options, seen) {
  must(seen.mined.number === BigInt(p.chain.block_number), `the transaction is in block ${seen.mined.number}, not ${p.chain.block_number}`);
  must(seen.mined.hash === p.chain.block_hash, "the transaction is in a block with another hash");
  const canonical = await blockAt(rpc, `0x${BigInt(p.chain.block_number).toString(16)}`);
  must(canonical?.hash === p.chain.block_hash, "the block is not on the chain (any more)");
}

const UNKNOWN_BLOCK = -39001; // what nodes answer while no block is finalized (execution-apis)

async function finality(p, rpc) {
  if (p.chain.finality !== "final") return; // that it is mined the step "block" has shown
  const finalized = await blockAt(rpc, "finalized").catch((error) => {
    if (error.code === UNKNOWN_BLOCK) return null;
    throw error;
  });
  must(finalized !== null, "the chain has no finalized block yet");
  must(finalized.number >= BigInt(p.chain.block_number), `the finalized block is ${finalized.number}, below ${p.chain.block_number}`);
}

const STEPS = [
  ["shape", "every field is there and well-formed", facts.shape],
  ["request", "the record as received hashes to requestHash and agrees with the sale", facts.request],
  ["sale_hash", "the sale's fields hash to sale_hash", facts.saleHash],
  ["promise", "the promise is of this record", promise],
  ["amount", "amount_wei is the total at this rate, or 0 for a total of 0", facts.amount],
  ["leaf", "sale_hash and amount_wei make the leaf", facts.leaf],
  ["proof", "the leaf leads to the batch's root", facts.merkleProof],
  ["position", "leaf_index and size fit the proof", facts.position],
  ["log", "the batch leads to the root of the log as it was then", facts.logThen],
  ["chain_id", "the node is on the proof's chain", chainId],
  ["contract", "the code at the contract is SaleAnchor's", contract],
  ["log_root", "the batch leads to the contract's logRoot", logNow],
  ["contains", "the contract holds the batch", containsOnChain],
  ["verify", "the contract accepts the proof", verifyOnChain],
  ["transaction", "the transaction anchored this batch, root and size", transaction],
  ["block", "its block is on the chain", block],
  ["finality", "the block is as final as claimed", finality],
];

/**
 * Runs every step until one fails.
 * @param {object} proof what GET /sales/{id}/proof answered, parsed
 * @param {(method: string, ...params: unknown[]) => Promise<any>} rpc see jsonRPC
 * @param {{contract?: string, log?: string, jwks?: {keys: object[]}, say?: (line: string) => void, progress?: (line: string) => void}} [options] log is a gateway's URL
 * @returns {Promise<{valid: true} | {valid: false, step: string, why: string}>} rejects when the chain cannot be queried
 */
export async function verifyProof(proof, rpc, options = {}) {
  const say = options.say ?? (() => {});
  const seen = {}; // what the steps so far read of the chain
  for (const [step, promise, run] of STEPS) {
    try {
      const more = await run(proof, rpc, options, seen);
      say(`ok    ${step}: ${promise}${more ?? ""}`);
    } catch (error) {
      if (error instanceof Unreachable) throw Object.assign(error, { message: `${step}: ${error.message}` });
      if (error instanceof Skipped) {
        say(`skip  ${step}: ${error.message}`);
        continue;
      }
      // If ethers or JSON.parse cannot read something, the proof is at fault as well.
      const why = error instanceof Invalid ? error.message : `cannot be read (${error.code ?? error.name})`;
      say(`FAIL  ${step}: ${why}`);
      return { valid: false, step, why };
    }
  }
  return { valid: true };
}

function parse(args) {
  const string = { type: "string" };
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { contract: string, log: string, jwks: string, help: { type: "boolean", short: "h" } },
      allowPositionals: true,
    });
    const [url, file = "-", ...more] = positionals;
    const named = values.log === undefined || /^https?:$/.test(new URL(values.log).protocol);
    if (values.help || (url !== undefined && more.length === 0 && named)) return { url, file, ...values };
  } catch {
    // the cause may quote a URL
  }
  return undefined;
}

async function main(args) {
  const asked = parse(args);
  if (asked?.help) {
    console.log(USAGE);
    return 0;
  }
  if (asked === undefined) {
    console.error("wrong usage; see --help");
    return 2;
  }
  let proof;
  try {
    proof = JSON.parse(readFileSync(asked.file === "-" ? 0 : asked.file, "utf8"));
  } catch (error) {
    console.log(`invalid: shape: the proof cannot be read (${error.code ?? error.name})`);
    return 1;
  }
  let jwks;
  try {
    if (asked.jwks !== undefined) jwks = await readKeys(asked.jwks);
  } catch {
    console.log("unknown: the shop's keys cannot be read"); // the cause may quote a URL
    return 2;
  }
  try {
    const { contract, log } = asked;
    const result = await verifyProof(proof, jsonRPC(asked.url), { contract, log, jwks, say: console.log, progress: console.error });
    console.log(result.valid ? "valid" : `invalid: ${result.step}: ${result.why}`);
    return result.valid ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    console.log(`unknown: ${error.message}`);
    return 2;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2));
}
