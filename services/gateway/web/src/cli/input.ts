// What the program reads.
import { createReadStream } from "node:fs";
import { fromUTF8 } from "../verify/bytes.ts";
import { isObject } from "../verify/errors.ts";
import { ask } from "../verify/http.ts";
import { type JWKS, type Promised, parseKeys, parseProof } from "../verify/index.ts";

const INPUT_BYTES_MAX = 4 << 20;
const KEYS_BYTES_MAX = 64 << 10;
const KEYS_TIMEOUT_MS = 15_000;

/** The bytes of a file, or of standard input for "-". */
export async function readInput(file: string, bytesMax = INPUT_BYTES_MAX): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of file === "-" ? process.stdin : createReadStream(file)) {
    bytes += part.length;
    if (bytes > bytesMax) throw Object.assign(new Error("too long"), { code: "EFBIG" });
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Reads the shop's keys from a URL or a file. An error may quote the URL, which may hold a key: it is not to be shown. */
export async function readKeys(from: string): Promise<JWKS> {
  if (!from.includes("://")) return parseKeys(fromUTF8(await readInput(from, KEYS_BYTES_MAX)));
  const url = new URL(from);
  if (!/^https?:$/.test(url.protocol)) throw new Error("another scheme");
  return parseKeys(await ask(url, { who: "the shop", timeoutMs: KEYS_TIMEOUT_MS, bytesMax: KEYS_BYTES_MAX }));
}

/** A proof, or a promise and what is known of its record. */
export type Input = { proof: unknown } | { promise: string; of: Promised };

/** What a text is: a compact JWS, a till's 201, or else a proof. Throws Invalid. */
export function readText(text: string): Input {
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
