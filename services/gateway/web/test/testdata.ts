import { readFileSync } from "node:fs";

/** A file of the repository, parsed. */
export const data = (path: string) => JSON.parse(readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8"));

/** Vectors that other code made; the contract and the services answer to them too. */
export const vectors = (name: string) => data(`contracts/testdata/${name}.json`);

/** Numbers that look random and are the same each time (xorshift32), so that a failure can be seen again. */
export function randomly(seed: number) {
  let x = seed;
  const below = (n: number): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
  const pick = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const hex = (bytes: number) => `0x${Array.from({ length: bytes }, () => below(256).toString(16).padStart(2, "0")).join("")}`;
  const bits = (n: number): bigint => BigInt.asUintN(1 + below(n), BigInt(hex(32)));
  return { below, pick, hex, bits };
}
