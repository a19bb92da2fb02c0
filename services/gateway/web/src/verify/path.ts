// A batch's path in the contract's present log: the proof's own, the gateway's, or one made of the contract's events.
import { address, topicOf } from "./abi.ts";
import { BYTES32, type Hex } from "./bytes.ts";
import type { Context } from "./context.ts";
import { isObject } from "./errors.ts";
import { ask, reason } from "./http.ts";
import { type Batch, entry, inclusionPath, leadsTo, treeHead } from "./log.ts";
import type { Proof } from "./proof.ts";
import { type Block, FIRST_PAUSE_MS, pause, type RPC, Unreachable, unreadable } from "./rpc.ts";

// A path has at most 64 hashes, so an answer stays below 5 KiB.
const GATEWAY_TIMEOUT_MS = 5_000;
const GATEWAY_BYTES_MAX = 16 << 10;
const PATH_MAX = 64;

const WINDOW = 1_000n; // blocks that are searched at once, as providers allow; halved where one allows less
const WINDOW_MIN = 8n; // no provider allows less: a refusal then has another cause
const QUERIES_MAX = 100_000; // of one search: 38 years of Ethereum's blocks at the full window
const BUSY_TRIES = 4; // of one query to a node that says it is busy
const PROGRESS_EVERY_MS = 2_000; // between two lines about a search

const BATCH_ANCHORED = topicOf("BatchAnchored(uint64,bytes32,uint32)"); // the first two are indexed

// A source that gives no path leaves its place to the next.
class Unusable extends Error {}

function usable(holds: boolean, why: string): asserts holds {
  if (!holds) throw new Unusable(why);
}

/** The contract's log at a block. */
export interface Log {
  size: bigint;
  root: Hex;
}

/** By is the source that has a path; other is what the log has at the batch's id; tried are the sources of no use, and why. */
export interface Found {
  by?: string;
  path?: readonly Hex[];
  other?: Batch;
  tried: string[];
}

/** Never rejects: a source without a path leaves its place to the next. */
export async function findPath(p: Proof, head: Block, log: Log, c: Context): Promise<Found> {
  if (BigInt(p.log.size) === log.size && p.log.root === log.root) return { by: "the proof's own path", path: p.log.path, tried: [] };
  const tried: string[] = [];
  if (c.options.log !== undefined) {
    try {
      return { by: "the gateway's path", path: await fromGateway(c.options.log, p, log), tried };
    } catch (error) {
      tried.push(`gateway: ${because(error)}`);
    }
  }
  try {
    return { by: "a path rebuilt from the contract's events", ...(await fromEvents(p, head, log, c)), tried };
  } catch (error) {
    tried.push(`events: ${because(error)}`);
  }
  return { tried };
}

function because(error: unknown): string {
  if (error instanceof Unusable) return error.message;
  if (error instanceof Unreachable) return error.reason;
  return reason(error);
}

// The gateway is asked for a path and not believed: the path must lead to the contract's logRoot.
async function fromGateway(base: string, p: Proof, now: Log): Promise<Hex[]> {
  const text = await ask(pathURL(base, p, now), {
    who: "the gateway",
    timeoutMs: GATEWAY_TIMEOUT_MS,
    bytesMax: GATEWAY_BYTES_MAX,
    redirect: "manual",
  });
  const a: unknown = JSON.parse(text);
  const answer = isObject(a) ? a : {};
  const { chain, batch, log } = answer;
  const here = isObject(chain) && chain.chain_id === p.chain.chain_id && sameText(chain.contract, p.chain.contract);
  usable(here, "the answer is about another contract");
  const { id, root, size } = p.batch;
  usable(isObject(batch) && batch.id === id && batch.root === root && batch.size === size, "the answer is about another batch");
  usable(isObject(log) && log.size === String(now.size) && log.root === now.root, "the answer is about another log than the contract's");
  const path: unknown = log.path ?? [];
  usable(Array.isArray(path) && path.length <= PATH_MAX && path.every(isHash), "the answer cannot be read");
  usable(leadsTo(p.batch, { ...now, path }), "its path does not lead to the contract's logRoot");
  return path;
}

const isHash = (value: unknown): value is Hex => typeof value === "string" && BYTES32.test(value);
const sameText = (x: unknown, y: string) => typeof x === "string" && x.toLowerCase() === y.toLowerCase();

function pathURL(base: string, p: Proof, now: Log): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/log/${p.batch.id}`;
  url.searchParams.set("size", String(now.size));
  url.searchParams.set("contract", address(p.chain.contract));
  return url;
}

// Every batch there ever was has one event; together they are the log.
async function fromEvents(p: Proof, head: Block, log: Log, c: Context): Promise<{ path: Hex[] } | { other: Batch }> {
  const batches = await search(p, head, log.size, c);
  usable(BigInt(batches.length) === log.size, `they end with batch ${batches.length} of ${log.size}`);
  const entries = batches.map(entry);
  usable(treeHead(entries) === log.root, "they do not give the contract's logRoot");
  const index = Number(p.batch.id) - 1;
  const other = batches[index];
  if (other !== undefined && entries[index] !== entry(p.batch)) return { other };
  return { path: inclusionPath(index, entries) };
}

// Goes through the blocks from the contract's first to the head, until it has as many batches as the log.
async function search(p: Proof, head: Block, size: bigint, { rpc, options }: Context): Promise<Batch[]> {
  const batches: Batch[] = [];
  let from = BigInt(p.chain.deployed_block);
  let window = WINDOW;
  let told = Date.now();
  for (let queries = 0; from <= head.number && BigInt(batches.length) < size; queries++) {
    usable(queries < QUERIES_MAX, `more than ${QUERIES_MAX} queries are needed`);
    if (Date.now() - told > PROGRESS_EVERY_MS) {
      told = Date.now();
      options.progress?.(`the contract's events: block ${from} of ${head.number}, batch ${batches.length} of ${size}`);
    }
    const to = from + window - 1n < head.number ? from + window - 1n : head.number;
    let logs: unknown[];
    try {
      logs = await eventsOf(p, from, to, rpc);
    } catch (error) {
      if (busy(error) || window === WINDOW_MIN) throw error;
      window = window / 2n > WINDOW_MIN ? window / 2n : WINDOW_MIN;
      continue;
    }
    for (const log of logs) {
      const batch = emitted(log, p.chain.contract);
      usable(batch !== null, "one is not the contract's BatchAnchored");
      usable(BigInt(batch.id) === BigInt(batches.length + 1), `batch ${batch.id} follows ${batches.length}`);
      if (BigInt(batches.length) < size) batches.push(batch);
    }
    from = to + 1n;
  }
  return batches;
}

// Asks again while the node is busy.
async function eventsOf(p: Proof, from: bigint, to: bigint, rpc: RPC): Promise<unknown[]> {
  const hex = (n: bigint) => `0x${n.toString(16)}`;
  const filter = { address: p.chain.contract, topics: [BATCH_ANCHORED], fromBlock: hex(from), toBlock: hex(to) };
  for (let attempt = 1, wait = FIRST_PAUSE_MS; ; attempt++, wait *= 2) {
    try {
      const logs = await rpc("eth_getLogs", filter);
      if (!Array.isArray(logs)) throw unreadable("eth_getLogs");
      return logs;
    } catch (error) {
      if (!busy(error) || attempt === BUSY_TRIES) throw error;
      await pause(wait);
    }
  }
}

const busy = (error: unknown) => error instanceof Unreachable && (error.status === 429 || error.status === 503);

/** The batch that a log of the contract tells of; null for any other log. */
export function emitted(log: unknown, contract: string): Batch | null {
  try {
    if (!isObject(log) || address(String(log.address)) !== address(contract) || !Array.isArray(log.topics)) return null;
    const [topic, id, root, ...more] = log.topics.map((t) => String(t).toLowerCase());
    const size = String(log.data).toLowerCase();
    if (topic !== BATCH_ANCHORED || more.length > 0 || ![id, root, size].every(isHash)) return null;
    return { id: String(BigInt(id as Hex)), root: root as Hex, size: String(BigInt(size)) };
  } catch {
    return null; // a node may answer whatever it likes
  }
}
