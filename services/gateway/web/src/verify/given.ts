// What a person may give to be verified, and to compare it with.
import { address } from "./abi.ts";
import type { Hex } from "./bytes.ts";
import { Invalid, isObject } from "./errors.ts";
import type { Promised } from "./promise.ts";
import { parseProof } from "./proof.ts";

/** A proof, or a promise and what is known of its record. */
export type Given = { proof: unknown } | { promise: string; of: Promised };

/** What a text is: a compact JWS, a till's 201, or else a proof. Throws Invalid. */
export function readText(text: string): Given {
  const jws = text.trim();
  if (/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(jws)) return { promise: jws, of: {} };
  const value = parseProof(text);
  if (!isObject(value) || typeof value.promise !== "string" || typeof value.sale_id !== "string" || "sale" in value)
    return { proof: value };
  const of: Record<string, string | number> = {};
  const hash = isObject(value.anchor) ? value.anchor.sale_hash : undefined;
  for (const [name, said] of Object.entries({ sale_id: value.sale_id, record_number: value.record_number, sale_hash: hash })) {
    if (typeof said === "string" || typeof said === "number") of[name] = said;
  }
  return { promise: value.promise, of };
}

/** A contract as a shop publishes it: eip155:, the chain's id, : and the address (CAIP-10), or the address alone. Throws Invalid. */
export function parseContract(text: string): { chainId?: string; address: Hex } {
  const parts = /^(?:eip155:([1-9][0-9]{0,77}):)?(0x[0-9a-fA-F]{40})$/.exec(text);
  if (parts?.[2] === undefined) throw new Invalid("a contract is eip155:, the chain's id, : and its address, or the address alone");
  return { ...(parts[1] !== undefined && { chainId: parts[1] }), address: address(parts[2]) };
}
