#!/usr/bin/env node
// Verifies the proof of a sale (GET /sales/{id}/proof) against the chain, with nothing from the shop but the proof:
//
//   node tools/verify-proof.mjs <rpc-url> [proof.json | -] [--contract 0x…]
//
// The hashing is ethers' and OpenZeppelin's, the chain is queried over plain JSON-RPC, preferably at a node of your own
// choice. A shop could deploy a second contract; --contract names the one that it published.
//
// Prints every step, then "valid" (exit 0) or "invalid: <step>: <why>" (exit 1). Exit 2: wrong usage, or the chain
// could not be queried: the check could not be completed. The RPC URL may hold an API key and is never printed.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { AbiCoder, Interface, TypedDataEncoder, getAddress, keccak256 } from "ethers";

const RPC_TIMEOUT_MS = 15_000;

const SALE = {
  Sale: [
    { name: "saleId", type: "string" },
    { name: "kind", type: "string" },
    { name: "refundOf", type: "string" },
    { name: "storeId", type: "string" },
    { name: "terminalId", type: "string" },
    { name: "customerId", type: "string" },
    { name: "currency", type: "string" },
    { name: "total", type: "string" },
    { name: "pointsDelta", type: "int64" },
    { name: "pointsBalance", type: "int64" },
    { name: "purchaseNumber", type: "uint64" },
    { name: "recordedAt", type: "uint64" },
    { name: "requestHash", type: "bytes32" },
    { name: "salt", type: "bytes32" },
  ],
};

const SALE_ANCHOR = new Interface([
  "function rootOf(uint64 batchId) view returns (bytes32)",
  "function verify(uint64 batchId, bytes32 saleHash, uint256 amountWei, bytes32[] proof) view returns (bool)",
  "event BatchAnchored(uint64 indexed batchId, bytes32 indexed root, uint32 size)",
]);

class Invalid extends Error {}

// must ends the step that it is called in; the message is for the person who runs the check.
function must(holds, why) {
  if (!holds) throw new Invalid(why);
}

const BYTES32 = /^0x[0-9a-f]{64}$/;
const INTEGER = /^(0|-?[1-9][0-9]*)$/;
const COUNT = /^(0|[1-9][0-9]*)$/;
const DECIMAL = /^(0|[1-9][0-9]*)(\.[0-9]+)?$/;

const text = (value, form, name) => must(typeof value === "string" && form.test(value), `${name} is malformed`);

function shape(p) {
  must(p !== null && typeof p === "object", "not a JSON object");
  for (const part of ["sale", "rate", "batch", "chain"]) {
    must(p[part] !== null && typeof p[part] === "object", `${part} is missing`);
  }
  const fields = SALE.Sale.map((f) => f.name);
  must(Object.keys(p.sale).length === fields.length, "sale has other fields than the hashed ones");
  for (const { name, type } of SALE.Sale) {
    const form = { string: /^/, int64: INTEGER, uint64: COUNT, bytes32: BYTES32 }[type];
    text(p.sale[name], form, `sale.${name}`);
  }
  text(p.sale.total, DECIMAL, "sale.total");
  text(p.request, /^[A-Za-z0-9+/]+={0,2}$/, "request");
  text(p.sale_hash, BYTES32, "sale_hash");
  text(p.amount_wei, COUNT, "amount_wei");
  text(p.rate.value, DECIMAL, "rate.value");
  text(p.leaf, BYTES32, "leaf");
  must(Array.isArray(p.proof) && p.proof.length <= 64, "proof is not a list of at most 64");
  p.proof.forEach((node, i) => text(node, BYTES32, `proof[${i}]`));
  text(p.batch.id, COUNT, "batch.id");
  text(p.batch.root, BYTES32, "batch.root");
  text(p.batch.size, COUNT, "batch.size");
  text(p.batch.leaf_index, COUNT, "batch.leaf_index");
  text(p.chain.chain_id, COUNT, "chain.chain_id");
  text(p.chain.contract, /^0x[0-9a-fA-F]{40}$/, "chain.contract");
  text(p.chain.tx_hash, BYTES32, "chain.tx_hash");
  text(p.chain.block_number, COUNT, "chain.block_number");
  text(p.chain.block_hash, BYTES32, "chain.block_hash");
  text(p.chain.finality, /^(mined|final)$/, "chain.finality");
}

function request(p) {
  const bytes = Buffer.from(p.request, "base64");
  must(bytes.toString("base64") === p.request, "request is not base64");
  must(keccak256(bytes) === p.sale.requestHash, "the request is not the one that was hashed");

  const record = JSON.parse(bytes.toString("utf8"));
  must(record.currency === p.sale.currency, "the request has another currency");
  must(sameDecimal(record.total, p.sale.total), "the request has another total");
  must((record.kind ?? "sale") === p.sale.kind, "the request has another kind");
  // A refund's customer is the refunded sale's, which the request need not name.
  if (p.sale.kind === "sale") must((record.customer_id ?? "") === p.sale.customerId, "the request has another customer");
  // A UUID is the same in either case (RFC 9562).
  if (record.refund_of !== undefined) must(record.refund_of.toLowerCase() === p.sale.refundOf, "the request refunds another sale");
}

function saleHash(p) {
  must(TypedDataEncoder.hashStruct("Sale", SALE, p.sale) === p.sale_hash, "the sale does not hash to sale_hash");
}

function amount(p) {
  must(p.rate.currency === p.sale.currency, "the rate is for another currency");
  must(weiFor(p.sale.total, p.rate.value) === BigInt(p.amount_wei), "amount_wei is not ceil(total * 10^18 / rate)");
}

function leaf(p) {
  const pair = AbiCoder.defaultAbiCoder().encode(["bytes32", "uint256"], [p.sale_hash, p.amount_wei]);
  must(keccak256(keccak256(pair)) === p.leaf, "leaf is not the hash of sale_hash and amount_wei");
}

function merkleProof(p) {
  const pair = [p.sale_hash, p.amount_wei];
  must(StandardMerkleTree.verify(p.batch.root, ["bytes32", "uint256"], pair, p.proof), "it does not lead to the root");
}

// The tree is an array of 2n-1 nodes, with its leaves at the end in descending order: leaf i is node 2n-2-i. That
// determines how long the proof is and, where the sibling is a leaf too, which of the two is the greater. A proof with
// sorted pairs does not show more.
function position(p) {
  const size = BigInt(p.batch.size);
  const index = BigInt(p.batch.leaf_index);
  must(size > 0n && index < size, "leaf_index is not below the batch's size");
  const node = 2n * size - 2n - index;
  must(p.proof.length === (node + 1n).toString(2).length - 1, "the proof's length does not fit leaf_index and size");
  if (p.proof.length === 0) return;
  const sibling = node % 2n === 1n ? node + 1n : node - 1n;
  if (sibling < size - 1n) return;
  const greater = sibling < node;
  must(greater ? p.proof[0] >= p.leaf : p.proof[0] <= p.leaf, "leaf_index does not fit its neighbour");
}

const call = (p, name, args) => ({ to: p.chain.contract, data: SALE_ANCHOR.encodeFunctionData(name, args) });

async function chainId(p, rpc) {
  must(BigInt(await rpc("eth_chainId")) === BigInt(p.chain.chain_id), "the node is on another chain");
}

async function contract(p, rpc, options) {
  if (options.contract !== undefined) {
    must(getAddress(options.contract) === getAddress(p.chain.contract), "the proof names another contract");
  }
  const code = await rpc("eth_getCode", p.chain.contract, "latest");
  must(/^0x[0-9a-f]+$/.test(code), "there is no contract at this address");
}

async function rootOnChain(p, rpc) {
  const answer = await rpc("eth_call", call(p, "rootOf", [p.batch.id]), "latest");
  must(answer === p.batch.root, "the contract holds another root for this batch, or none");
}

async function verifyOnChain(p, rpc) {
  const query = call(p, "verify", [p.batch.id, p.sale_hash, p.amount_wei, p.proof]);
  must(BigInt(await rpc("eth_call", query, "latest")) === 1n, "the contract does not accept it");
}

async function transaction(p, rpc) {
  const receipt = await rpc("eth_getTransactionReceipt", p.chain.tx_hash);
  must(receipt !== null, "the chain does not know the transaction");
  must(BigInt(receipt.status) === 1n, "the transaction failed");
  must(BigInt(receipt.blockNumber) === BigInt(p.chain.block_number), "it is in a block with another number");
  must(receipt.blockHash === p.chain.block_hash, "it is in another block");

  const emitted = receipt.logs
    .filter((log) => getAddress(log.address) === getAddress(p.chain.contract))
    .map((log) => SALE_ANCHOR.parseLog(log))
    .filter((log) => log?.name === "BatchAnchored" && log.args.batchId === BigInt(p.batch.id));
  must(emitted.length === 1, "it did not anchor this batch");
  must(emitted[0].args.root === p.batch.root, "it anchored another root");
  must(emitted[0].args.size === BigInt(p.batch.size), "it anchored another size");
}

async function block(p, rpc) {
  const height = `0x${BigInt(p.chain.block_number).toString(16)}`;
  const canonical = await rpc("eth_getBlockByNumber", height, false);
  must(canonical?.hash === p.chain.block_hash, "the block is not on the chain (any more)");
  if (p.chain.finality !== "final") return;
  const finalized = await rpc("eth_getBlockByNumber", "finalized", false);
  must(finalized !== null && BigInt(finalized.number) >= BigInt(p.chain.block_number), "the block is not final yet");
}

const STEPS = [
  ["shape", "every field is there and well-formed", shape],
  ["request", "the record as received hashes to requestHash and agrees with the sale", request],
  ["sale_hash", "the sale's fields hash to sale_hash", saleHash],
  ["amount", "amount_wei is the total at this rate", amount],
  ["leaf", "sale_hash and amount_wei make the leaf", leaf],
  ["proof", "the leaf leads to the batch's root", merkleProof],
  ["position", "leaf_index and size fit the proof", position],
  ["chain_id", "the node is on the proof's chain", chainId],
  ["contract", "there is a contract at the address", contract],
  ["root", "rootOf(batch) on the chain is the batch's root", rootOnChain],
  ["verify", "the contract accepts the proof", verifyOnChain],
  ["transaction", "the transaction anchored this batch, root and size", transaction],
  ["block", "its block is on the chain, as final as claimed", block],
];

/**
 * Runs every step until one fails.
 * @param {object} proof what GET /sales/{id}/proof answered, parsed
 * @param {(method: string, ...params: unknown[]) => Promise<any>} rpc see jsonRPC
 * @param {{contract?: string, say?: (line: string) => void}} [options]
 * @returns {Promise<{valid: true} | {valid: false, step: string, why: string}>} rejects when the chain cannot be queried
 */
export async function verifyProof(proof, rpc, options = {}) {
  const say = options.say ?? (() => {});
  for (const [step, promise, run] of STEPS) {
    try {
      await run(proof, rpc, options);
    } catch (error) {
      if (error instanceof Unreachable) throw error;
      // If ethers or JSON.parse cannot read something, the proof is at fault as well.
      const why = error instanceof Invalid ? error.message : `cannot be read (${error.code ?? error.name})`;
      say(`FAIL  ${step}: ${why}`);
      return { valid: false, step, why };
    }
    say(`ok    ${step}: ${promise}`);
  }
  return { valid: true };
}

/** The wei that a total is worth: ceil(total * 10^18 / rate), exact; both are decimals such as "1249.50". */
export function weiFor(total, rate) {
  const t = scaled(total);
  const r = scaled(rate);
  must(r.units > 0n, "the rate is zero");
  const numerator = t.units * 10n ** 18n * 10n ** r.digits;
  const denominator = r.units * 10n ** t.digits;
  return (numerator + denominator - 1n) / denominator;
}

/** The struct's hash of a sale, as the till's 201 has it. */
export const hashSale = (sale) => TypedDataEncoder.hashStruct("Sale", SALE, sale);

function scaled(decimal) {
  const [whole, fraction = ""] = decimal.split(".");
  return { units: BigInt(whole + fraction), digits: BigInt(fraction.length) };
}

function sameDecimal(a, b) {
  if (typeof a !== "string" || !DECIMAL.test(a)) return false;
  const [x, y] = [scaled(a), scaled(b)];
  return x.units * 10n ** y.digits === y.units * 10n ** x.digits;
}

class Unreachable extends Error {}

/** JSON-RPC over HTTP: one call, one answer. Rejects without the URL in its message. */
export function jsonRPC(url) {
  let id = 0;
  return async (method, ...params) => {
    let answer;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
        signal: AbortSignal.timeout(RPC_TIMEOUT_MS),
      });
      answer = await response.json();
    } catch (error) {
      throw new Unreachable(`${method}: no answer from the node (${error.cause?.code ?? error.name})`);
    }
    // A revert is an answer about the proof's contract; any other error is the node's.
    if (answer.error?.code === 3 || /revert/i.test(answer.error?.message ?? "")) throw new Invalid("the contract refused the call");
    if (answer.error || answer.result === undefined) {
      throw new Unreachable(`${method}: the node answered with error ${answer.error?.code ?? "unknown"}`);
    }
    return answer.result;
  };
}

async function main(args) {
  const at = args.indexOf("--contract");
  const contractGiven = at >= 0 ? args.splice(at, 2)[1] : undefined;
  const [url, file = "-"] = args;
  if (url === undefined || args.length > 2 || (at >= 0 && contractGiven === undefined)) {
    console.error("usage: verify-proof.mjs <rpc-url> [proof.json | -] [--contract 0x…]");
    return 2;
  }
  let proof;
  try {
    proof = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
  } catch (error) {
    console.log(`invalid: shape: the proof cannot be read (${error.code ?? error.name})`);
    return 1;
  }
  try {
    const result = await verifyProof(proof, jsonRPC(url), { contract: contractGiven, say: console.log });
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
