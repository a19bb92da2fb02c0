// How the program is asked.
import { parseArgs } from "node:util";
import { parseContract } from "../verify/index.ts";

export const USAGE = `tillseal-verify: checks the proof of a sale against the chain, and needs nothing else from the shop.

  tillseal-verify [proof.json | promise.jws | -] [rpc-url] [--rpc URL] [--contract 0x… | eip155:…] [--log URL] [--jwks URL|FILE] [--json]
  tillseal-verify --help | --version

The proof is the JSON of GET /sales/{id}/proof, from a file or standard input. Every hash is recomputed, then the chain is
queried, preferably at a node of your own choice: rpc-url or --rpc, else the first URL of WEB3_PROVIDER, else PUBLIC_RPC_URL.
A shop could deploy a second contract: --contract names the one that it published. One line is printed for each step; the last
line is "valid" or "invalid: <step>: <why>". With --json each is a line of JSON.

The contract keeps one log of all batches. The proof has its batch's path in the log as it was when the proof was made; once
other batches have followed, a path in the longer log is needed. It is taken from the first of these that has it, and the
line of log_root says which:
  1. the gateway at --log, if given: a shop's base URL. What it answers is checked against the contract's logRoot.
  2. the contract's events, all of them since its first block. That can take minutes; progress goes to standard error.
  3. none: the batch is judged by its event in its transaction's receipt alone. log_root, contains and verify are skipped.
Neither 1 nor 2 is needed while no other batch has followed.

A proof has the promise that the till got with its 201. It must be of this record; with --jwks, the shop's
/.well-known/jwks.json, its signature is verified too. Instead of a proof the promise alone can be given, or the till's 201
with it: then its signature is verified, for which --jwks is needed, and what it says is printed.

Exit code 0: valid. 1: invalid. 2: wrong usage, or the check could not be completed: no node or key to ask with, or no answer.
Not provable, and so the shop's word: the rate's tier, sources and time, which of the positions that fit is leaf_index, and
deployed_block where the events are not read.
`;

export interface Asked {
  file: string;
  /** The node's URL. */
  rpc?: string | undefined;
  contract?: string | undefined;
  log?: string | undefined;
  jwks?: string | undefined;
  json?: boolean | undefined;
  help?: boolean | undefined;
  version?: boolean | undefined;
}

const string = { type: "string" } as const;
const boolean = { type: "boolean" } as const;

/** Reads the arguments; undefined is wrong usage. No error is shown, for it may quote a URL. */
export function readArgs(args: string[], env: Record<string, string | undefined>): Asked | undefined {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: {
        rpc: string,
        contract: string,
        log: string,
        jwks: string,
        json: boolean,
        help: { ...boolean, short: "h" },
        version: boolean,
      },
      allowPositionals: true,
    });
    const urls = [values.rpc ?? [], positionals.filter(isURL)].flat();
    const [file = "-", ...more] = positionals.filter((text) => !isURL(text));
    const { contract, log } = values;
    if (more.length > 0 || urls.length > 1 || ![...urls, log ?? []].flat().every(isURL)) return undefined;
    if (contract !== undefined) parseContract(contract);
    return { ...values, file, rpc: urls[0] ?? nodeOf(env) };
  } catch {
    return undefined;
  }
}

function nodeOf(env: Record<string, string | undefined>): string | undefined {
  const [first = ""] = (env.WEB3_PROVIDER ?? "").split(",");
  return [first.trim(), env.PUBLIC_RPC_URL ?? ""].find(isURL);
}

/** Whether a text is a URL of HTTP. */
export function isURL(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}
