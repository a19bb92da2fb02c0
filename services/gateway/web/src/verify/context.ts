// What the steps of one verification share.
import type { Hex } from "./bytes.ts";
import type { Claims, JWKS } from "./promise.ts";
import type { Block, RPC } from "./rpc.ts";

/** The names of the steps, in their order. */
export const STEPS = [
  "shape",
  "request",
  "sale_hash",
  "promise",
  "amount",
  "leaf",
  "proof",
  "position",
  "log",
  "chain_id",
  "contract",
  "log_root",
  "contains",
  "verify",
  "transaction",
  "block",
  "finality",
] as const;

export type StepName = (typeof STEPS)[number];

/** How a step ended. */
export interface Outcome {
  step: StepName;
  /** Unknown: the chain was not asked, or the node could not be queried. */
  state: "ok" | "skipped" | "failed" | "unknown";
  /** What holds, or why not; in English. */
  text: string;
  /** What the step computed or read, also where that made it fail. */
  value?: string;
}

export interface Options {
  /** The contract that the shop published, as parseContract reads it; a shop could deploy a second one. */
  contract?: string;
  /** A gateway's base URL, asked for the batch's path in a log that has grown; not believed. */
  log?: string;
  /** The shop's keys; without them the promise's signature is not checked. */
  jwks?: JWKS;
  /** Called with each outcome, in the order of STEPS. */
  report?: (outcome: Outcome) => void;
  /** Called with a line about a search that takes long. */
  progress?: (line: string) => void;
}

/** What the steps so far have read. */
export interface Context {
  readonly options: Options;
  /** Rejects with Unreachable alone. */
  readonly rpc: RPC;
  /** The value of the outcome of the step that runs. */
  value?: string | undefined;
  promise?: Claims;
  head?: Block;
  /** The contract's log at the head. */
  log?: { size: bigint; root: Hex };
  path?: readonly Hex[];
  mined?: { number: bigint; hash: string };
  /** The time of the transaction's block, in Unix seconds. */
  minedAt?: bigint;
  promiseKept?: boolean;
}
