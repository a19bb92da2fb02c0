// The promise, as a shopper keeps it.
import { h } from "./dom.ts";

const WRITTEN_WITHIN_MS = 10_000;

/** The deadline of a promise in Unix seconds, which is read here and verified elsewhere; undefined where there is none. */
export function deadline(promise: string | undefined): number | undefined {
  try {
    const payload = promise?.split(".")[1]?.replaceAll("-", "+").replaceAll("_", "/");
    const { anchor_by } = JSON.parse(atob(payload ?? "")) as { anchor_by: number };
    return anchor_by;
  } catch {
    return undefined;
  }
}

/** Has the browser write a promise to a file. */
export function save(promise: string, saleId: string): void {
  const url = URL.createObjectURL(new Blob([`${promise}\n`], { type: "application/jose" }));
  h("a", { href: url, download: `promise-${saleId}.jws` }).click();
  setTimeout(() => URL.revokeObjectURL(url), WRITTEN_WITHIN_MS); // once it is written
}
