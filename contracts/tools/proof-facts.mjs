// What a proof shows by itself: every hash in it is recomputed, with ethers and OpenZeppelin's library.
//
// Each step takes a proof, as GET /sales/{id}/proof answers it, and throws an Invalid that says why it is refused.
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { AbiCoder, TypedDataEncoder, keccak256 } from "ethers";
import { leadsTo } from "./batch-log.mjs";

const SALE = {
  Sale: [
    { name: "saleId", type: "string" },
    { name: "kind", type: "string" },
    { name: "refundOf", type: "string" },
    { name: "storeId", type: "string" },
    { name: "terminalId", type: "string" },
    { name: "recordNumber", type: "uint64" },
    { name: "previousHash", type: "bytes32" },
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

/** Why a proof is refused. */
export class Invalid extends Error {}

/** A step that is left out, which is no reason to refuse the proof. */
export class Skipped extends Error {}

/** Ends the step that it is called in; the message is for the person who runs the check. */
export function must(holds, why) {
  if (!holds) throw new Invalid(why);
}

const NO_CURRENCY = "XXX"; // ISO 4217: no currency is involved

export const BYTES32 = /^0x[0-9a-f]{64}$/;
const INTEGER = /^(0|-?[1-9][0-9]*)$/;
const COUNT = /^(0|[1-9][0-9]*)$/;
const DECIMAL = /^(0|[1-9][0-9]*)(\.[0-9]+)?$/;

const text = (value, form, name) => must(typeof value === "string" && form.test(value), `${name} is malformed`);

export function shape(p) {
  must(p !== null && typeof p === "object", "not a JSON object");
  for (const part of ["sale", "rate", "batch", "log", "chain"]) {
    const may = part === "rate" && p[part] === null; // as a total of 0 has it
    must(may || (p[part] !== null && typeof p[part] === "object"), `${part} is missing`);
  }
  const fields = SALE.Sale.map((f) => f.name);
  must(Object.keys(p.sale).length === fields.length, "sale has other fields than the hashed ones");
  for (const { name, type } of SALE.Sale) {
    const form = { string: /^/, int64: INTEGER, uint64: COUNT, bytes32: BYTES32 }[type];
    text(p.sale[name], form, `sale.${name}`);
  }
  text(p.sale.kind, /^(sale|refund|adjustment|key|erasure)$/, "sale.kind");
  text(p.sale.total, DECIMAL, "sale.total");
  text(p.request, /^[A-Za-z0-9+/]+={0,2}$/, "request");
  text(p.sale_hash, BYTES32, "sale_hash");
  text(p.amount_wei, COUNT, "amount_wei");
  if (p.rate !== null) text(p.rate.value, DECIMAL, "rate.value");
  text(p.leaf, BYTES32, "leaf");
  hashes(p.proof, "proof");
  text(p.batch.id, COUNT, "batch.id");
  text(p.batch.root, BYTES32, "batch.root");
  text(p.batch.size, COUNT, "batch.size");
  text(p.batch.leaf_index, COUNT, "batch.leaf_index");
  text(p.log.size, COUNT, "log.size");
  text(p.log.root, BYTES32, "log.root");
  hashes(p.log.path, "log.path");
  text(p.promise, /^([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?$/, "promise");
  text(p.chain.chain_id, COUNT, "chain.chain_id");
  text(p.chain.contract, /^0x[0-9a-fA-F]{40}$/, "chain.contract");
  text(p.chain.tx_hash, BYTES32, "chain.tx_hash");
  text(p.chain.block_number, COUNT, "chain.block_number");
  text(p.chain.block_hash, BYTES32, "chain.block_hash");
  text(p.chain.deployed_block, COUNT, "chain.deployed_block");
  must(BigInt(p.chain.deployed_block) <= BigInt(p.chain.block_number), "chain.deployed_block is above chain.block_number");
  text(p.chain.finality, /^(mined|final)$/, "chain.finality");
}

function hashes(list, name) {
  must(Array.isArray(list) && list.length <= 64, `${name} is not a list of at most 64`);
  list.forEach((hash, i) => text(hash, BYTES32, `${name}[${i}]`));
}

// A till's request is its record. That of a record that no till sends is of another form, such as the JWK of a key (RFC 7517),
// of which only the hash is checked.
export function request(p) {
  const bytes = Buffer.from(p.request, "base64");
  must(bytes.toString("base64") === p.request, "request is not base64");
  must(keccak256(bytes) === p.sale.requestHash, "the request is not the one that was hashed");
  if (p.sale.kind !== "sale" && p.sale.kind !== "refund") {
    const empty = p.sale.currency === NO_CURRENCY && p.sale.total === "0";
    must(empty, `a record of kind ${p.sale.kind} has the currency ${NO_CURRENCY} and the total 0`);
    if (p.sale.kind === "adjustment") adjustment(p, JSON.parse(bytes.toString("utf8")));
    return;
  }

  const record = JSON.parse(bytes.toString("utf8"));
  must(p.sale.currency !== NO_CURRENCY, "a till's record has a currency");
  must(record.currency === p.sale.currency, "the request has another currency");
  must(sameDecimal(record.total, p.sale.total), "the request has another total");
  must((record.kind ?? "sale") === p.sale.kind, "the request has another kind");
  // A refund's customer is the refunded sale's, which the request need not name.
  if (p.sale.kind === "sale") must((record.customer_id ?? "") === p.sale.customerId, "the request has another customer");
  // A UUID is the same in either case (RFC 9562).
  if (record.refund_of !== undefined) must(record.refund_of.toLowerCase() === p.sale.refundOf, "the request refunds another sale");
  if (p.sale.kind !== "refund") return;
  if (record.refund_of !== undefined || record.refund_of_key !== undefined) {
    must(p.sale.refundOf !== "", "the request refunds a sale, and this is a return without a receipt");
    return;
  }
  must(p.sale.refundOf === "", "the request is a return without a receipt, and this refunds a sale");
  must((record.customer_id ?? "") === p.sale.customerId, "the request has another customer");
}

// What an operator asked for is what moved.
function adjustment(p, asked) {
  must(asked?.customer_id === p.sale.customerId, "the request has another customer");
  must(asked.points === Number(p.sale.pointsDelta), "the request has other points");
}

export function saleHash(p) {
  must(TypedDataEncoder.hashStruct("Sale", SALE, p.sale) === p.sale_hash, "the sale does not hash to sale_hash");
}

// A total of zero, and no other, has no rate and is worth 0 wei.
export function amount(p) {
  if (scaled(p.sale.total).units === 0n) {
    must(p.rate === null, "the total is 0, which needs no rate, and there is one");
    must(p.amount_wei === "0", `the total is 0, and amount_wei is ${p.amount_wei}`);
    return;
  }
  must(p.rate !== null, "there is no rate, and the total is not 0");
  must(p.rate.currency === p.sale.currency, "the rate is for another currency");
  must(weiFor(p.sale.total, p.rate.value) === BigInt(p.amount_wei), "amount_wei is not ceil(total * 10^18 / rate)");
}

export function leaf(p) {
  const pair = AbiCoder.defaultAbiCoder().encode(["bytes32", "uint256"], [p.sale_hash, p.amount_wei]);
  must(keccak256(keccak256(pair)) === p.leaf, "leaf is not the hash of sale_hash and amount_wei");
}

export function merkleProof(p) {
  const pair = [p.sale_hash, p.amount_wei];
  must(StandardMerkleTree.verify(p.batch.root, ["bytes32", "uint256"], pair, p.proof), "it does not lead to the root");
}

// The tree is an array of 2n-1 nodes, with its leaves at the end in descending order: leaf i is node 2n-2-i. That
// determines how long the proof is and, where the sibling is a leaf too, which of the two is the greater. A proof with
// sorted pairs does not show more.
export function position(p) {
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

// The proof's own path, in the log as it was when the proof was made.
export function logThen(p) {
  const { id } = p.batch;
  must(BigInt(id) > 0n && BigInt(id) <= BigInt(p.log.size), `a log of size ${p.log.size} does not have batch ${id}`);
  must(leadsTo(p.batch, p.log), "log.path does not lead from the batch to log.root");
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
