#!/usr/bin/env node
// Verifies the proof of a sale with other people's code: ethers, OpenZeppelin's tree, jose, and RFC 9162's log in a few lines. It
// imports nothing of the shop's software, and does not compare the contract's code; tillseal-verify does, and says each step.
//
//   node tools/third-party.mjs <rpc-url> [proof.json | -] [the shop's keys: a file or URL]
//
// Exit code 0: valid. 1: invalid, and why. 2: it could not be completed. URLs may hold keys and are never printed.
import { readFileSync } from "node:fs";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { AbiCoder, Contract, FetchRequest, JsonRpcProvider, Network, TypedDataEncoder, ZeroHash, concat, keccak256 } from "ethers";
import { compactVerify, createLocalJWKSet } from "jose";

const SALE = "string saleId,string kind,string refundOf,string storeId,string terminalId,uint64 recordNumber,bytes32 previousHash," +
  "string customerId,string currency,string total,int64 pointsDelta,int64 pointsBalance,uint64 purchaseNumber,uint64 recordedAt," +
  "bytes32 requestHash,bytes32 salt";
const TYPES = { Sale: SALE.split(",").map((field) => field.split(" ")).map(([type, name]) => ({ type, name })) };

const ABI = [
  "event BatchAnchored(uint64 indexed batchId, bytes32 indexed root, uint32 size)",
  "function nextBatchId() view returns (uint64)",
  "function logRoot() view returns (bytes32)",
  "function verify(uint64, uint32, bytes32, uint256, bytes32[], bytes32[]) view returns (bool)",
];

const TIMEOUT_MS = 15_000;

class Invalid extends Error {}
const must = (holds, why) => {
  if (!holds) throw new Invalid(why);
};

function wei(total, rate) { // ceil(total * 10^18 / rate)
  const [t, r] = [total, rate].map((decimal) => decimal.split("."));
  const [digits, more] = [t, r].map(([, fraction = ""]) => BigInt(fraction.length));
  const [above, below] = [BigInt(t.join("")) * 10n ** (18n + more), BigInt(r.join("")) * 10n ** digits];
  return (above + below - 1n) / below;
}

const entry = (id, root, size) =>
  keccak256(concat(["0x00", AbiCoder.defaultAbiCoder().encode(["uint64", "bytes32", "uint32"], [id, root, size])]));

function log(d, m) { // RFC 9162, sections 2.1.1 and 2.1.3.1: the root of d, and the path of its entry m
  if (d.length < 2) return { root: d[0] ?? ZeroHash, path: [] };
  const k = 2 ** Math.ceil(Math.log2(d.length) - 1);
  const [left, right] = [log(d.slice(0, k), m), log(d.slice(k), m - k)];
  return { root: keccak256(concat(["0x01", left.root, right.root])), path: m < k ? [...left.path, right.root] : [...right.path, left.root] };
}

function recomputed(p) {
  must(keccak256(Buffer.from(p.request, "base64")) === p.sale.requestHash, "the request is another");
  must(TypedDataEncoder.hashStruct("Sale", TYPES, p.sale) === p.sale_hash, "the sale has another hash");
  const worth = Number(p.sale.total) === 0 ? 0n : wei(p.sale.total, p.rate.value);
  must(worth === BigInt(p.amount_wei) && (p.rate ?? p.sale).currency === p.sale.currency, "the total is worth another amount");
  const pair = [p.sale_hash, p.amount_wei];
  must(keccak256(keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "uint256"], pair))) === p.leaf, "the leaf is another");
  must(StandardMerkleTree.verify(p.batch.root, ["bytes32", "uint256"], pair, p.proof), "the leaf is not in the batch");
}

async function promised(p, keys) {
  const { payload, protectedHeader } = await compactVerify(p.promise, createLocalJWKSet(keys), { algorithms: ["EdDSA"] });
  const said = JSON.parse(new TextDecoder().decode(payload));
  const same = said.sub === p.sale.saleId && said.sale_hash === p.sale_hash && protectedHeader.typ === "tillseal-sale+jwt";
  must(same, "the promise is of another record");
}

async function anchored(p, provider) {
  must(BigInt(await provider.send("eth_chainId", [])) === BigInt(p.chain.chain_id), "the node is on another chain");
  const contract = new Contract(p.chain.contract, ABI, provider);
  const [blockTag, first] = [await provider.getBlockNumber(), Number(p.chain.deployed_block)];
  const [next, root] = await Promise.all([contract.nextBatchId({ blockTag }), contract.logRoot({ blockTag })]);
  let { path } = p.log;
  if (next - 1n !== BigInt(p.log.size)) {
    const entries = [];
    for (let from = first; from <= blockTag; from += 1000) {
      const events = await contract.queryFilter("BatchAnchored", from, Math.min(from + 999, blockTag));
      entries.push(...events.map(({ args }) => entry(...args)));
    }
    const rebuilt = log(entries, Number(p.batch.id) - 1);
    must(rebuilt.root === root, "the contract's events do not make its log");
    path = rebuilt.path;
  } else must(root === p.log.root, "the contract has another log");
  const { id, size } = p.batch;
  must(await contract.verify(id, size, p.sale_hash, p.amount_wei, p.proof, path, { blockTag }), "the contract does not hold it");

  const receipt = await provider.getTransactionReceipt(p.chain.tx_hash);
  const ours = (receipt?.logs ?? []).filter(({ address }) => address.toLowerCase() === p.chain.contract.toLowerCase());
  const said = ours.map((event) => contract.interface.parseLog(event)?.args).find((args) => args?.batchId === BigInt(id));
  must(said?.root === p.batch.root && said.size === BigInt(size), "the transaction did not anchor the batch");
  must(receipt.blockHash === p.chain.block_hash && String(receipt.blockNumber) === p.chain.block_number, "it is in another block");
  const tag = p.chain.finality === "final" ? "finalized" : "latest";
  must((await provider.getBlock(tag))?.number >= receipt.blockNumber, `the block is not ${p.chain.finality}`);
}

// An answer's text; ethers asks for it, so that each of its failures has a code.
async function ask(request) {
  request.timeout = TIMEOUT_MS;
  const response = await request.send();
  response.assertOk();
  return response.bodyText;
}

async function verify(url, file = "-", keys) {
  const p = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
  recomputed(p);
  if (keys === undefined || p.promise === "") console.log("the promise was not checked");
  else await promised(p, JSON.parse(/^https?:/.test(keys) ? await ask(new FetchRequest(keys)) : readFileSync(keys, "utf8")));
  const request = new FetchRequest(url);
  request.timeout = TIMEOUT_MS;
  const network = Network.from(BigInt(p.chain.chain_id));
  const provider = new JsonRpcProvider(request, network, { staticNetwork: network, cacheTimeout: -1 });
  await anchored(p, provider).finally(() => provider.destroy());
}

// Whatever else goes wrong says nothing about the proof.
const ITS_FAULT = /^(BAD_DATA|BUFFER_OVERRUN|CALL_EXCEPTION|INVALID_ARGUMENT|NUMERIC_FAULT|ERR_JW.*)$/;

const args = process.argv.slice(2);
if (args.length < 1 || args.length > 3 || !URL.canParse(args[0])) {
  console.error("usage: node tools/third-party.mjs <rpc-url> [proof.json | -] [keys]");
  process.exit(2);
}
verify(...args).then(() => console.log("valid"), (error) => {
  const { code, name, message } = error;
  const invalid = error instanceof Invalid || error instanceof TypeError || error instanceof SyntaxError || ITS_FAULT.test(code);
  console.log(`${invalid ? "invalid" : "unknown"}: ${error instanceof Invalid ? message : `it failed (${code ?? name})`}`);
  process.exitCode = invalid ? 1 : 2;
});
