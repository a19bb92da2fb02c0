// What the chain shows of a proof. Each step throws an Invalid that says why the proof is refused, or an Unreachable.
import { address, encodeCall, type Value } from "./abi.ts";
import { BYTES32, fromHex, type Hex, keccakHex } from "./bytes.ts";
import type { Context } from "./context.ts";
import { Invalid, isObject, must, Skipped } from "./errors.ts";
import { parseContract } from "./given.ts";
import { emitted, findPath } from "./path.ts";
import { moment } from "./promise.ts";
import type { Proof } from "./proof.ts";
import { type Block, blockAt, quantity, readAt, Unreachable, unreadable } from "./rpc.ts";

// keccak256 of the runtime code, which is the same at every deployment: the contract has no immutables, and the compiler appends no
// metadata. The build puts it here.
declare const SALE_ANCHOR_CODE_HASH: Hex;

const CONTAINS = "contains(uint64,bytes32,uint32,bytes32[])";
const VERIFY = "verify(uint64,uint32,bytes32,uint256,bytes32[],bytes32[])";

export async function chainId(p: Proof, c: Context): Promise<void> {
  const id = quantity("eth_chainId", await c.rpc("eth_chainId"));
  c.value = String(id);
  must(id === BigInt(p.chain.chain_id), "the node is on another chain");
}

// The code is read at the head, where all that follows is read of the contract: a chain may grow or be reorganised meanwhile.
export async function contract(p: Proof, c: Context): Promise<void> {
  c.value = p.chain.contract;
  if (c.options.contract !== undefined) {
    const published = parseContract(c.options.contract);
    must(published.address === address(p.chain.contract), "the proof names another contract");
    must(published.chainId === undefined || published.chainId === p.chain.chain_id, "the proof names a contract on another chain");
  }
  const head = await blockAt(c.rpc, "latest");
  if (head === null) throw unreadable("eth_getBlockByNumber");
  c.head = head;
  const code = await readAt(c.rpc, "eth_getCode", p.chain.contract, head.hash);
  if (typeof code !== "string" || !/^0x([0-9a-f]{2})*$/.test(code)) throw unreadable("eth_getCode");
  must(code !== "0x", "there is no contract at this address");
  must(keccakHex(fromHex(code)) === SALE_ANCHOR_CODE_HASH, "the code at this address is not this SaleAnchor's");
}

// The contract's answer as it is at the head: one word, in hexadecimal.
async function call(p: Proof, c: Context, signature: string, args: readonly Value[] = []): Promise<Hex> {
  const query = { to: p.chain.contract, data: encodeCall(signature, args) };
  const answer = await readAt(c.rpc, "eth_call", query, headOf(c).hash);
  if (typeof answer !== "string" || !BYTES32.test(answer)) throw unreadable("eth_call");
  return answer;
}

// The step "contract" comes before all that asks this.
function headOf(c: Context): Block {
  if (c.head === undefined) throw new TypeError("the head was not read");
  return c.head;
}

export async function logNow(p: Proof, c: Context): Promise<string> {
  const next = BigInt(await call(p, c, "nextBatchId()"));
  const size = next > 0n ? next - 1n : 0n; // below 1 is a node's lie
  const log = { size, root: await call(p, c, "logRoot()") };
  c.value = log.root;
  must(size >= BigInt(p.batch.id), `the contract's log has size ${size}: it does not hold batch ${p.batch.id}`);
  const { by, path, other, tried } = await findPath(p, headOf(c), log, c);
  const unused = tried.length > 0 ? ` (${tried.join("; ")})` : "";
  if (other) {
    const { id, root, size: leaves } = other;
    throw new Invalid(`the contract's log of size ${size}, rebuilt from its events, has another batch ${id}: root ${root}, size ${leaves}`);
  }
  if (path === undefined) {
    throw new Skipped(
      `no path in the contract's log of size ${size}${unused}: the log was not checked, the batch is judged by its event alone`,
    );
  }
  c.path = path;
  return `: ${by}, in a log of size ${size}${unused}`;
}

async function accepts(p: Proof, c: Context, signature: string, args: readonly Value[]): Promise<boolean> {
  if (c.path === undefined) throw new Skipped("there is no path to ask with");
  return BigInt(await call(p, c, signature, [...args, c.path])) === 1n;
}

export async function containsOnChain(p: Proof, c: Context): Promise<void> {
  must(await accepts(p, c, CONTAINS, [p.batch.id, p.batch.root, p.batch.size]), "the contract does not hold the batch");
}

export async function verifyOnChain(p: Proof, c: Context): Promise<void> {
  const args = [p.batch.id, p.batch.size, p.sale_hash, p.amount_wei, p.proof];
  must(await accepts(p, c, VERIFY, args), "the contract does not accept it");
}

export async function transaction(p: Proof, c: Context): Promise<void> {
  const method = "eth_getTransactionReceipt";
  c.value = p.chain.tx_hash;
  const receipt = await c.rpc(method, p.chain.tx_hash);
  must(receipt !== null, "the chain does not know the transaction");
  if (!isObject(receipt) || !Array.isArray(receipt.logs) || typeof receipt.blockHash !== "string") throw unreadable(method);
  must(quantity(method, receipt.status) === 1n, "the transaction failed");
  c.mined = { number: quantity(method, receipt.blockNumber), hash: receipt.blockHash };

  const batches = receipt.logs.map((log) => emitted(log, p.chain.contract)).filter((batch) => batch?.id === p.batch.id);
  const [batch] = batches;
  must(batch != null && batches.length === 1, "it did not anchor this batch");
  must(batch.root === p.batch.root, "it anchored another root");
  must(batch.size === p.batch.size, `it anchored a batch of ${batch.size}, not ${p.batch.size}`);
}

export async function block(p: Proof, c: Context): Promise<string> {
  const { block_number: number, block_hash: hash } = p.chain;
  must(c.mined?.number === BigInt(number), `the transaction is in block ${c.mined?.number}, not ${number}`);
  must(c.mined.hash === hash, "the transaction is in a block with another hash");
  const canonical = await blockAt(c.rpc, `0x${BigInt(number).toString(16)}`);
  must(canonical?.hash === hash, "the block is not on the chain (any more)");
  c.minedAt = canonical.timestamp();
  c.value = `${number} of ${moment(c.minedAt)}`;
  return `: ${c.value}${kept(c, c.minedAt)}`;
}

// A promise is kept by a proof whose batch stands in a block of anchor_by at the latest. A late one proves the sale all the same.
function kept(c: Context, minedAt: bigint): string {
  if (c.promise === undefined) return "";
  const due = BigInt(c.promise.anchor_by);
  c.promiseKept = minedAt <= due;
  const promise = `the promise, due at ${moment(due)},`;
  return c.promiseKept ? `; ${promise} is kept` : `; ${promise} is broken: it was anchored ${lasting(minedAt - due)} too late`;
}

function lasting(seconds: bigint): string {
  if (seconds < 120n) return `${seconds} s`;
  if (seconds < 7_200n) return `${seconds / 60n} min`;
  return seconds < 172_800n ? `${seconds / 3_600n} h` : `${seconds / 86_400n} days`;
}

const UNKNOWN_BLOCK = -39001; // what nodes answer while no block is finalized (execution-apis)

export async function finality(p: Proof, c: Context): Promise<void> {
  c.value = p.chain.finality;
  if (p.chain.finality !== "final") return; // that it is mined the step "block" has shown
  const finalized = await blockAt(c.rpc, "finalized").catch((error: unknown) => {
    if (error instanceof Unreachable && error.code === UNKNOWN_BLOCK) return null;
    throw error;
  });
  must(finalized !== null, "the chain has no finalized block yet");
  const number = BigInt(p.chain.block_number);
  must(finalized.number >= number, `the finalized block is ${finalized.number}, below ${number}`);
}
