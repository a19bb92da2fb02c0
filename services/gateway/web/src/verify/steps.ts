// The table of steps, and the verification that goes through it.
import * as chain from "./chain.ts";
import { type Context, type Options, type Outcome, STEPS, type StepName } from "./context.ts";
import { Invalid, Skipped } from "./errors.ts";
import * as facts from "./facts.ts";
import { type Claims, promise } from "./promise.ts";
import { type Proof, shape } from "./proof.ts";
import { guarded, type RPC, Unreachable } from "./rpc.ts";

interface Step {
  /** What holds when it is ok. */
  holds: string;
  /** A text that it returns is added to that. */
  run: (p: Proof, c: Context) => unknown;
  /** Whether the chain is asked. */
  asks?: true;
}

const TABLE: Record<StepName, Step> = {
  shape: { holds: "every field is there and well-formed", run: (p) => shape(p) },
  request: { holds: "the record as received hashes to requestHash and agrees with the sale", run: facts.request },
  sale_hash: { holds: "the sale's fields hash to sale_hash", run: facts.saleHash },
  promise: { holds: "the promise is of this record", run: promise },
  amount: { holds: "amount_wei is the total at this rate, or 0 for a total of 0", run: facts.amount },
  leaf: { holds: "sale_hash and amount_wei make the leaf", run: facts.leaf },
  proof: { holds: "the leaf leads to the batch's root", run: facts.merkleProof },
  position: { holds: "leaf_index and size fit the proof", run: facts.position },
  log: { holds: "the batch leads to the root of the log as it was then", run: facts.logThen },
  chain_id: { holds: "the node is on the proof's chain", run: chain.chainId, asks: true },
  contract: { holds: "the code at the contract is SaleAnchor's", run: chain.contract, asks: true },
  log_root: { holds: "the batch leads to the contract's logRoot", run: chain.logNow, asks: true },
  contains: { holds: "the contract holds the batch", run: chain.containsOnChain, asks: true },
  verify: { holds: "the contract accepts the proof", run: chain.verifyOnChain, asks: true },
  transaction: { holds: "the transaction anchored this batch, root and size", run: chain.transaction, asks: true },
  block: { holds: "its block is on the chain", run: chain.block, asks: true },
  finality: { holds: "the block is as final as claimed", run: chain.finality, asks: true },
};

interface Seen {
  /** The steps that were left out. */
  skipped: StepName[];
  /** The time of the block that anchored the batch, in Unix seconds. */
  minedAt?: bigint;
  promise?: Claims;
  /** Whether the batch was anchored when the promise was due; there once both are known. */
  promiseKept?: boolean;
}

/** Unknown: no step failed, and there was no node to ask; step is the first that would have asked. */
export type Verdict = ({ verdict: "valid" } | { verdict: "invalid" | "unknown"; step: StepName; why: string }) & Seen;

const NOT_ASKED = "the chain was not asked";

const noNode: RPC = () => Promise.reject(new TypeError("there is no node"));

/**
 * Runs every step until one fails.
 * @param proof what GET /sales/{id}/proof answered, best read by parseProof
 * @param rpc see jsonRPC; without it, the steps alone that ask no chain
 * Rejects with Unreachable when the chain cannot be queried.
 */
export async function verifyProof(proof: unknown, rpc: RPC | undefined, options: Options = {}): Promise<Verdict> {
  const report = options.report ?? (() => {});
  const c: Context = { options, rpc: rpc ? guarded(rpc) : noNode };
  const skipped: StepName[] = [];
  let unasked: StepName | undefined;
  for (const step of STEPS) {
    if (rpc === undefined && TABLE[step].asks) {
      unasked ??= step;
      report({ step, state: "unknown", text: NOT_ASKED });
      continue;
    }
    const outcome = await run(step, proof as Proof, c, report);
    report(outcome);
    if (outcome.state === "skipped") skipped.push(step);
    if (outcome.state === "failed") return { verdict: "invalid", step, why: outcome.text, ...seen(c, skipped) };
  }
  if (unasked !== undefined) return { verdict: "unknown", step: unasked, why: NOT_ASKED, ...seen(c, skipped) };
  return { verdict: "valid", ...seen(c, skipped) };
}

async function run(step: StepName, p: Proof, c: Context, report: (outcome: Outcome) => void): Promise<Outcome> {
  const { holds, run } = TABLE[step];
  c.value = undefined;
  const outcome = (state: Outcome["state"], text: string): Outcome => ({
    step,
    state,
    text,
    ...(c.value !== undefined && { value: c.value }),
  });
  try {
    const more = await run(p, c);
    return outcome("ok", typeof more === "string" ? holds + more : holds);
  } catch (error) {
    if (error instanceof Unreachable) {
      report(outcome("unknown", error.message));
      error.message = `${step}: ${error.message}`;
      throw error;
    }
    if (error instanceof Skipped) return outcome("skipped", error.message);
    // If something cannot be computed, the proof is at fault as well.
    return outcome("failed", error instanceof Invalid ? error.message : `cannot be read (${(error as Error).name})`);
  }
}

function seen({ minedAt, promise, promiseKept }: Context, skipped: StepName[]): Seen {
  return {
    skipped,
    ...(minedAt !== undefined && { minedAt }),
    ...(promise !== undefined && { promise }),
    ...(promiseKept !== undefined && { promiseKept }),
  };
}
