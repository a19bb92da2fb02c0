// A proof as GET /sales/{id}/proof answers it, and its form.
import { DECIMAL } from "./amount.ts";
import { BYTES32, type Hex } from "./bytes.ts";
import { Invalid, isObject, must } from "./errors.ts";
import { parseJSON } from "./json.ts";
import { SALE_FIELDS, type Sale } from "./sale.ts";

/** A proof; its integers are decimal texts. What else the shop says in it is not looked at. */
export interface Proof {
  sale: Sale;
  /** The record as received, in base64. */
  request: string;
  sale_hash: Hex;
  amount_wei: string;
  /** Null for a total of 0. Only value and currency are proved. */
  rate: { value: string; currency: string } | null;
  leaf: Hex;
  proof: Hex[];
  batch: { id: string; root: Hex; size: string; leaf_index: string };
  log: { size: string; root: Hex; path: Hex[] };
  /** A compact JWS, empty for a record of before there were promises. */
  promise: string;
  chain: {
    chain_id: string;
    contract: Hex;
    tx_hash: Hex;
    block_number: string;
    block_hash: Hex;
    deployed_block: string;
    finality: "mined" | "final";
  };
}

/** Nothing that is counted needs more than the 78 digits of a uint256. */
const COUNT = /^(0|[1-9][0-9]{0,77})$/;
const INTEGER = /^(0|-?[1-9][0-9]{0,77})$/;
const FORMS = { string: /^/, int64: INTEGER, uint64: COUNT, bytes32: BYTES32 };
const LIST_MAX = 64;

/** Parses a proof's JSON. Throws Invalid where two programs could read it differently; the step "shape" looks at what it says. */
export function parseProof(text: string): unknown {
  try {
    return parseJSON(text);
  } catch (error) {
    throw new Invalid(`the proof cannot be read (${error instanceof Invalid ? error.message : "its JSON is malformed"})`);
  }
}

/** The step of a proof: every field is there and well-formed. */
export function shape(p: unknown): asserts p is Proof {
  must(isObject(p), "not a JSON object");
  const rate = p.rate === null ? null : part(p, "rate"); // null as a total of 0 has it
  const sale = part(p, "sale");
  must(Object.keys(sale).length === SALE_FIELDS.length, "sale has other fields than the hashed ones");
  for (const [name, type] of SALE_FIELDS) text(sale[name], FORMS[type], `sale.${name}`);
  text(sale.kind, /^(sale|refund|adjustment|key|erasure)$/, "sale.kind");
  text(sale.total, DECIMAL, "sale.total");
  text(p.request, /^[A-Za-z0-9+/]+={0,2}$/, "request");
  text(p.sale_hash, BYTES32, "sale_hash");
  text(p.amount_wei, COUNT, "amount_wei");
  if (rate !== null) text(rate.value, DECIMAL, "rate.value");
  text(p.leaf, BYTES32, "leaf");
  hashes(p.proof, "proof");
  const batch = part(p, "batch");
  text(batch.id, COUNT, "batch.id");
  text(batch.root, BYTES32, "batch.root");
  text(batch.size, COUNT, "batch.size");
  text(batch.leaf_index, COUNT, "batch.leaf_index");
  const log = part(p, "log");
  text(log.size, COUNT, "log.size");
  text(log.root, BYTES32, "log.root");
  hashes(log.path, "log.path");
  text(p.promise, /^([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?$/, "promise");
  place(part(p, "chain"));
}

function place(chain: Record<string, unknown>): void {
  text(chain.chain_id, COUNT, "chain.chain_id");
  text(chain.contract, /^0x[0-9a-fA-F]{40}$/, "chain.contract");
  text(chain.tx_hash, BYTES32, "chain.tx_hash");
  text(chain.block_number, COUNT, "chain.block_number");
  text(chain.block_hash, BYTES32, "chain.block_hash");
  text(chain.deployed_block, COUNT, "chain.deployed_block");
  must(BigInt(chain.deployed_block) <= BigInt(chain.block_number), "chain.deployed_block is above chain.block_number");
  text(chain.finality, /^(mined|final)$/, "chain.finality");
}

function part(p: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = p[name];
  must(isObject(value), `${name} is missing`);
  return value;
}

function text(value: unknown, form: RegExp, name: string): asserts value is string {
  must(typeof value === "string" && form.test(value), `${name} is malformed`);
}

function hashes(list: unknown, name: string): void {
  must(Array.isArray(list) && list.length <= LIST_MAX, `${name} is not a list of at most ${LIST_MAX}`);
  list.forEach((hash, i) => {
    text(hash, BYTES32, `${name}[${i}]`);
  });
}
