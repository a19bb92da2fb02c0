// A batch's path in the contract's present log: the proof's own, the gateway's, or one made of the contract's events.
import { setTimeout as pause } from "node:timers/promises";
import { Interface, getAddress } from "ethers";
import { entry, inclusionPath, leadsTo, treeHead } from "./batch-log.mjs";
import { FIRST_PAUSE_MS, Unreachable, reason, unreadable } from "./rpc.mjs";

// A path has at most 64 hashes, so an answer stays below 5 KiB.
const GATEWAY_TIMEOUT_MS = 5_000;
const GATEWAY_BYTES_MAX = 16 << 10;

const WINDOW = 1_000n; // blocks that are searched at once, as providers allow; halved where one allows less
const WINDOW_MIN = 8n; // no provider allows less: a refusal then has another cause
const QUERIES_MAX = 100_000; // of one search: 38 years of Ethereum's blocks at the full window
const BUSY_TRIES = 4; // of one query to a node that says it is busy
const PROGRESS_EVERY_MS = 2_000; // between two lines about a search

export const BATCH_ANCHORED = new Interface(["event BatchAnchored(uint64 indexed batchId, bytes32 indexed root, uint32 size)"]);

// A source that gives no path leaves its place to the next.
class Unusable extends Error {}

function usable(holds, why) {
  if (!holds) throw new Unusable(why);
}

/**
 * Never rejects: a source without a path leaves its place to the next.
 * @param {object} p the proof
 * @param {{head: {number: bigint, hash: string}, log: {size: bigint, root: string}}} seen the contract's log at a block
 * @returns {Promise<{by?: string, path?: string[], other?: object, tried: string[]}>} other is what the log has at the batch's id
 */
export async function findPath(p, seen, rpc, { log: gateway, progress = () => {} }) {
  const { size, root } = seen.log;
  if (BigInt(p.log.size) === size && p.log.root === root) return { by: "the proof's own path", path: p.log.path, tried: [] };
  const tried = [];
  if (gateway !== undefined) {
    try {
      return { by: "the gateway's path", path: await fromGateway(gateway, p, seen.log), tried };
    } catch (error) {
      tried.push(`gateway: ${because(error)}`);
    }
  }
  try {
    return { by: "a path rebuilt from the contract's events", ...(await fromEvents(p, seen, rpc, progress)), tried };
  } catch (error) {
    tried.push(`events: ${because(error)}`);
  }
  return { tried };
}

function because(error) {
  if (error instanceof Unusable) return error.message;
  if (error instanceof Unreachable) return error.reason;
  return reason(error);
}

// The gateway is asked for a path and not believed: the path must lead to the contract's logRoot.
async function fromGateway(base, p, now) {
  const a = JSON.parse(await get(pathURL(base, p, now)));
  const same = (x, y) => typeof x === "string" && x.toLowerCase() === y.toLowerCase();
  usable(a?.chain?.chain_id === p.chain.chain_id && same(a.chain.contract, p.chain.contract), "the answer is about another contract");
  const { id, root, size } = p.batch;
  usable(a.batch?.id === id && a.batch.root === root && a.batch.size === size, "the answer is about another batch");
  usable(a.log?.size === String(now.size) && a.log.root === now.root, "the answer is about another log than the contract's");
  const path = a.log.path ?? [];
  usable(Array.isArray(path) && path.length <= 64, "the answer cannot be read");
  usable(leadsTo(p.batch, { ...now, path }), "its path does not lead to the contract's logRoot");
  return path;
}

function pathURL(base, p, now) {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/log/${p.batch.id}`;
  url.searchParams.set("size", String(now.size));
  url.searchParams.set("contract", getAddress(p.chain.contract));
  return url;
}

async function get(url) {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(GATEWAY_TIMEOUT_MS) });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Unusable(`HTTP status ${response.status}`);
  }
  const parts = [];
  let bytes = 0;
  for await (const part of response.body) {
    bytes += part.length;
    usable(bytes <= GATEWAY_BYTES_MAX, `the answer is longer than ${GATEWAY_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

// Every batch there ever was has one event; together they are the log.
async function fromEvents(p, { head, log }, rpc, progress) {
  const batches = await search(p, head, log.size, rpc, progress);
  usable(BigInt(batches.length) === log.size, `they end with batch ${batches.length} of ${log.size}`);
  const entries = batches.map(entry);
  usable(treeHead(entries) === log.root, "they do not give the contract's logRoot");
  const index = Number(p.batch.id) - 1;
  if (entries[index] !== entry(p.batch)) return { other: batches[index] };
  return { path: inclusionPath(index, entries) };
}

// Goes through the blocks from the contract's first to the head, until it has as many batches as the log.
async function search(p, head, size, rpc, progress) {
  const batches = [];
  let [from, window, told] = [BigInt(p.chain.deployed_block), WINDOW, Date.now()];
  for (let queries = 0; from <= head.number && BigInt(batches.length) < size; queries++) {
    usable(queries < QUERIES_MAX, `more than ${QUERIES_MAX} queries are needed`);
    if (Date.now() - told > PROGRESS_EVERY_MS) {
      told = Date.now();
      progress(`the contract's events: block ${from} of ${head.number}, batch ${batches.length} of ${size}`);
    }
    const to = from + window - 1n < head.number ? from + window - 1n : head.number;
    let logs;
    try {
      logs = await eventsOf(p, from, to, rpc);
    } catch (error) {
      if (busy(error) || window === WINDOW_MIN) throw error;
      window = window / 2n > WINDOW_MIN ? window / 2n : WINDOW_MIN;
      continue;
    }
    for (const log of logs) {
      const batch = read(log, p);
      usable(BigInt(batch.id) === BigInt(batches.length + 1), `batch ${batch.id} follows ${batches.length}`);
      if (BigInt(batches.length) < size) batches.push(batch);
    }
    from = to + 1n;
  }
  return batches;
}

// Asks again while the node is busy.
async function eventsOf(p, from, to, rpc) {
  const hex = (n) => `0x${n.toString(16)}`;
  const filter = {
    address: p.chain.contract,
    topics: [BATCH_ANCHORED.getEvent("BatchAnchored").topicHash],
    fromBlock: hex(from),
    toBlock: hex(to),
  };
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

const busy = (error) => error.status === 429 || error.status === 503;

function read(log, p) {
  const said = emitted(log, p.chain.contract);
  usable(said !== null, "one is not the contract's BatchAnchored");
  return said;
}

/** The batch that a log of the contract tells of: { id, root, size }, strings as in a proof; null for any other log. */
export function emitted(log, contract) {
  try {
    if (getAddress(log.address) !== getAddress(contract)) return null;
    const said = BATCH_ANCHORED.parseLog(log);
    return said && { id: String(said.args.batchId), root: said.args.root, size: String(said.args.size) };
  } catch {
    return null; // a node may answer whatever it likes
  }
}
