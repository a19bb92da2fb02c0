// What is hashed of a sale: EIP-712's hashStruct of its fields, without a domain.
import { type Value, word } from "./abi.ts";
import { type Hex, keccak, toHex, utf8 } from "./bytes.ts";
import { must } from "./errors.ts";

export const SALE_FIELDS = [
  ["saleId", "string"],
  ["kind", "string"],
  ["refundOf", "string"],
  ["storeId", "string"],
  ["terminalId", "string"],
  ["recordNumber", "uint64"],
  ["previousHash", "bytes32"],
  ["customerId", "string"],
  ["currency", "string"],
  ["total", "string"],
  ["pointsDelta", "int64"],
  ["pointsBalance", "int64"],
  ["purchaseNumber", "uint64"],
  ["recordedAt", "uint64"],
  ["requestHash", "bytes32"],
  ["salt", "bytes32"],
] as const;

/** A sale's fields, as a proof has them: integers are decimal texts, bytes32 are "0x…". */
export type Sale = { [field in (typeof SALE_FIELDS)[number][0]]: string };

const TYPE = `Sale(${SALE_FIELDS.map(([name, type]) => `${type} ${name}`).join(",")})`;

/** keccak256 of the struct's type, which begins each hash. */
export const SALE_TYPE_HASH = keccak(utf8(TYPE));

/** The struct's hash of a sale, as the till's 201 has it. */
export function hashSale(sale: Sale): Hex {
  return toHex(keccak(SALE_TYPE_HASH, ...SALE_FIELDS.map(([name, type]) => member(name, type, sale[name]))));
}

function member(name: string, type: string, value: Value): Uint8Array {
  if (type !== "string") return word(type, value);
  must(typeof value === "string", `sale.${name} is malformed`);
  return keccak(utf8(value));
}
