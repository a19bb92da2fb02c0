// What a proof shows by itself: every hash in it is recomputed.
//
// Each step throws an Invalid that says why the proof is refused.
import { sameDecimal, scaled, weiFor } from "./amount.ts";
import { fromBase64, fromUTF8, keccakHex } from "./bytes.ts";
import type { Context } from "./context.ts";
import { isObject, must } from "./errors.ts";
import { parseJSON } from "./json.ts";
import { leadsTo } from "./log.ts";
import type { Proof } from "./proof.ts";
import { hashSale } from "./sale.ts";
import { leafHash, rootOf } from "./tree.ts";

const NO_CURRENCY = "XXX"; // ISO 4217: no currency is involved

// A till's request is its record. That of a record that no till sends is of another form, such as the JWK of a key (RFC 7517),
// of which only the hash is checked.
export function request(p: Proof, c: Context): void {
  const bytes = fromBase64(p.request);
  must(bytes !== undefined, "request is not base64");
  c.value = keccakHex(bytes);
  must(c.value === p.sale.requestHash, "the request is not the one that was hashed");
  if (p.sale.kind !== "sale" && p.sale.kind !== "refund") {
    const empty = p.sale.currency === NO_CURRENCY && p.sale.total === "0";
    must(empty, `a record of kind ${p.sale.kind} has the currency ${NO_CURRENCY} and the total 0`);
    if (p.sale.kind === "adjustment") adjustment(p, members(bytes));
    return;
  }

  const record = members(bytes);
  must(p.sale.currency !== NO_CURRENCY, "a till's record has a currency");
  must(record.currency === p.sale.currency, "the request has another currency");
  must(sameDecimal(record.total, p.sale.total), "the request has another total");
  must((record.kind ?? "sale") === p.sale.kind, "the request has another kind");
  // A refund's customer is the refunded sale's, which the request need not name.
  if (p.sale.kind === "sale") must((record.customer_id ?? "") === p.sale.customerId, "the request has another customer");
  if (record.refund_of !== undefined) {
    // A UUID is the same in either case (RFC 9562).
    const same = typeof record.refund_of === "string" && record.refund_of.toLowerCase() === p.sale.refundOf;
    must(same, "the request refunds another sale");
  }
  if (p.sale.kind !== "refund") return;
  if (record.refund_of !== undefined || record.refund_of_key !== undefined) {
    must(p.sale.refundOf !== "", "the request refunds a sale, and this is a return without a receipt");
    return;
  }
  must(p.sale.refundOf === "", "the request is a return without a receipt, and this refunds a sale");
  must((record.customer_id ?? "") === p.sale.customerId, "the request has another customer");
}

// A record's metadata may have members of any name.
function members(bytes: Uint8Array): Record<string, unknown> {
  const value = parseJSON(fromUTF8(bytes), { anyNames: true });
  must(isObject(value), "the request is not an object");
  return value;
}

// What an operator asked for is what moved.
function adjustment(p: Proof, asked: Record<string, unknown>): void {
  must(asked.customer_id === p.sale.customerId, "the request has another customer");
  must(asked.points === Number(p.sale.pointsDelta), "the request has other points");
}

export function saleHash(p: Proof, c: Context): void {
  c.value = hashSale(p.sale);
  must(c.value === p.sale_hash, "the sale does not hash to sale_hash");
}

// A total of zero, and no other, has no rate and is worth 0 wei.
export function amount(p: Proof, c: Context): void {
  if (scaled(p.sale.total).units === 0n) {
    c.value = "0";
    must(p.rate === null, "the total is 0, which needs no rate, and there is one");
    must(p.amount_wei === "0", `the total is 0, and amount_wei is ${p.amount_wei}`);
    return;
  }
  must(p.rate !== null, "there is no rate, and the total is not 0");
  must(p.rate.currency === p.sale.currency, "the rate is for another currency");
  c.value = String(weiFor(p.sale.total, p.rate.value));
  must(c.value === p.amount_wei, "amount_wei is not ceil(total * 10^18 / rate)");
}

export function leaf(p: Proof, c: Context): void {
  c.value = leafHash(p.sale_hash, p.amount_wei);
  must(c.value === p.leaf, "leaf is not the hash of sale_hash and amount_wei");
}

export function merkleProof(p: Proof, c: Context): void {
  c.value = rootOf(leafHash(p.sale_hash, p.amount_wei), p.proof);
  must(c.value === p.batch.root, "it does not lead to the root");
}

// The tree is an array of 2n-1 nodes, with its leaves at the end in descending order: leaf i is node 2n-2-i. That
// determines how long the proof is and, where the sibling is a leaf too, which of the two is the greater. A proof with
// sorted pairs does not show more.
export function position(p: Proof, c: Context): void {
  const size = BigInt(p.batch.size);
  const index = BigInt(p.batch.leaf_index);
  c.value = `${index} of ${size}`;
  must(size > 0n && index < size, "leaf_index is not below the batch's size");
  const node = 2n * size - 2n - index;
  must(p.proof.length === (node + 1n).toString(2).length - 1, "the proof's length does not fit leaf_index and size");
  const [first] = p.proof;
  if (first === undefined) return;
  const sibling = node % 2n === 1n ? node + 1n : node - 1n;
  if (sibling < size - 1n) return;
  const greater = sibling < node;
  must(greater ? first >= p.leaf : first <= p.leaf, "leaf_index does not fit its neighbour");
}

// The proof's own path, in the log as it was when the proof was made.
export function logThen(p: Proof, c: Context): void {
  const { id } = p.batch;
  c.value = p.log.root;
  must(BigInt(id) > 0n && BigInt(id) <= BigInt(p.log.size), `a log of size ${p.log.size} does not have batch ${id}`);
  must(leadsTo(p.batch, p.log), "log.path does not lead from the batch to log.root");
}
