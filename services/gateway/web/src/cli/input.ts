// What the program reads.
import { createReadStream } from "node:fs";
import { fromUTF8 } from "../verify/bytes.ts";
import { ask } from "../verify/http.ts";
import { type JWKS, parseKeys } from "../verify/index.ts";

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
