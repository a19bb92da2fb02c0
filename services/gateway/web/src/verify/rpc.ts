// An Ethereum node over plain JSON-RPC.
import { BYTES32, type Hex } from "./bytes.ts";
import { isObject } from "./errors.ts";
import { ask, reason, Unanswered } from "./http.ts";

const RPC_TIMEOUT_MS = 15_000;
const RPC_BYTES_MAX = 16 << 20; // a window of events is the longest answer: 600 bytes for each batch
// A provider's nodes are not all at the same block: one may not have yet what another has just shown.
const TRIES = 3;
export const FIRST_PAUSE_MS = 250; // between two tries, doubled each time

/** Asks a node; whoever gives one to verifyProof may ask in any way. Rejects when there is no answer, best with Unreachable. */
export type RPC = (method: string, ...params: unknown[]) => Promise<unknown>;

/** The node gave no answer, or one that cannot be read: nothing is known about the proof. */
export class Unreachable extends Error {
  override name = "Unreachable";
  readonly method: string;
  /** In our own words. */
  readonly reason: string;
  /** JSON-RPC's error code. */
  readonly code: number | undefined;
  /** HTTP's status. */
  readonly status: number | undefined;

  constructor(method: string, reason: string, { code, status }: { code?: number | undefined; status?: number | undefined } = {}) {
    super(`the node could not be queried (${method}: ${reason})`);
    this.method = method;
    this.reason = reason;
    this.code = code;
    this.status = status;
  }
}

export const unreadable = (method: string) => new Unreachable(method, "the answer cannot be read");

/** JSON-RPC over HTTP: one call, one answer. */
export function jsonRPC(url: string, { timeoutMs = RPC_TIMEOUT_MS, signal }: { timeoutMs?: number; signal?: AbortSignal } = {}): RPC {
  let id = 0;
  return async (method, ...params) => {
    let answer: unknown;
    try {
      const text = await ask(url, {
        who: "the node",
        timeoutMs,
        bytesMax: RPC_BYTES_MAX,
        ...(signal && { signal }),
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
      });
      answer = JSON.parse(text);
    } catch (error) {
      throw new Unreachable(method, reason(error), { status: error instanceof Unanswered ? error.status : undefined });
    }
    if (!isObject(answer)) throw unreadable(method);
    if (answer.error) {
      const said = isObject(answer.error) ? answer.error.code : undefined;
      const code = Number.isInteger(said) ? (said as number) : 0;
      throw new Unreachable(method, `JSON-RPC error ${code}`, { code });
    }
    if (answer.result === undefined) throw unreadable(method);
    return answer.result;
  };
}

/** The same node, whose every failure is Unreachable: what a caller's own way of asking throws says nothing about a proof. */
export function guarded(rpc: RPC): RPC {
  return async (method, ...params) => {
    try {
      return await rpc(method, ...params);
    } catch (error) {
      if (error instanceof Unreachable) throw error;
      const code = (error as { code?: unknown } | undefined)?.code;
      throw new Unreachable(method, reason(Object(error)), { code: typeof code === "number" ? code : undefined });
    }
  };
}

/** Asks something about the block with a hash (EIP-1898), and again where the node that answers does not have it yet. */
export async function readAt(rpc: RPC, method: string, subject: unknown, blockHash: Hex): Promise<unknown> {
  for (let attempt = 1, wait = FIRST_PAUSE_MS; ; attempt++, wait *= 2) {
    try {
      return await rpc(method, subject, { blockHash });
    } catch (error) {
      if (!(error instanceof Unreachable) || error.code === undefined || attempt === TRIES) throw error;
      await pause(wait);
    }
  }
}

export const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** A quantity of an answer, such as "0x1f". */
export function quantity(method: string, value: unknown): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,64}$/i.test(value)) throw unreadable(method);
  return BigInt(value);
}

/** A block's header, as far as it is read. */
export interface Block {
  number: bigint;
  hash: Hex;
  /** In Unix seconds. */
  timestamp: () => bigint;
}

/** A block by its number or tag, null when there is none. */
export async function blockAt(rpc: RPC, at: string): Promise<Block | null> {
  const method = "eth_getBlockByNumber";
  const block = await rpc(method, at, false);
  if (block === null) return null;
  if (!isObject(block) || typeof block.hash !== "string" || !BYTES32.test(block.hash)) throw unreadable(method);
  return { number: quantity(method, block.number), hash: block.hash, timestamp: () => quantity(method, block.timestamp) };
}
