// An Ethereum node over plain JSON-RPC. No error shows its URL, which may hold an API key, nor the words of a node.
import { setTimeout as pause } from "node:timers/promises";

const RPC_TIMEOUT_MS = 15_000;
// A provider's nodes are not all at the same block: one may not have yet what another has just shown.
const TRIES = 3;
export const FIRST_PAUSE_MS = 250; // between two tries, doubled each time

/** The node gave no answer, or one that cannot be read: nothing is known about the proof. */
export class Unreachable extends Error {
  /**
   * @param {string} method
   * @param {string} reason in our own words
   * @param {{code?: number, status?: number}} [said] JSON-RPC's error code, or HTTP's status
   */
  constructor(method, reason, { code, status } = {}) {
    super(`the node could not be queried (${method}: ${reason})`);
    Object.assign(this, { method, reason, code, status });
  }
}

export const unreadable = (method) => new Unreachable(method, "the answer cannot be read");

/** Why there was no answer, in our own words: an error's may have the URL. */
export function reason(error) {
  if (error.name === "TimeoutError" || error.name === "AbortError") return "no answer in time";
  const known = { ECONNREFUSED: "connection refused", ENOTFOUND: "its name is not known" };
  return known[error.cause?.code ?? error.code] ?? "the answer cannot be read";
}

/** JSON-RPC over HTTP: one call, one answer. */
export function jsonRPC(url) {
  let id = 0;
  return async (method, ...params) => {
    let answer;
    let status;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
        signal: AbortSignal.timeout(RPC_TIMEOUT_MS),
      });
      status = response.status;
      answer = await response.json();
    } catch (error) {
      if (status === undefined || status === 200) throw new Unreachable(method, reason(error));
    }
    if (status !== 200) throw new Unreachable(method, `HTTP status ${status}`, { status });
    if (answer?.error) {
      const code = Number.isInteger(answer.error.code) ? answer.error.code : 0;
      throw new Unreachable(method, `JSON-RPC error ${code}`, { code });
    }
    if (answer?.result === undefined) throw unreadable(method);
    return answer.result;
  };
}

/** Asks something about the block with a hash (EIP-1898), and again where the node that answers does not have it yet. */
export async function readAt(rpc, method, subject, blockHash) {
  for (let attempt = 1, wait = FIRST_PAUSE_MS; ; attempt++, wait *= 2) {
    try {
      return await rpc(method, subject, { blockHash });
    } catch (error) {
      if (error.code === undefined || attempt === TRIES) throw error;
      await pause(wait);
    }
  }
}

/** A quantity of an answer, such as "0x1f", as a BigInt. */
export function quantity(method, value) {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,64}$/i.test(value)) throw unreadable(method);
  return BigInt(value);
}

/** A block by its number or tag, null when there is none: { number, hash }. */
export async function blockAt(rpc, at) {
  const method = "eth_getBlockByNumber";
  const block = await rpc(method, at, false);
  if (block === null) return null;
  if (typeof block.hash !== "string" || !/^0x[0-9a-f]{64}$/.test(block.hash)) throw unreadable(method);
  return { number: quantity(method, block.number), hash: block.hash };
}
