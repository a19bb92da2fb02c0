#!/usr/bin/env node
// The program; args.ts says what it does. URLs may hold API keys and are never printed.
import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { fromUTF8 } from "../verify/bytes.ts";
import {
  type Claims,
  type Given,
  Invalid,
  type JWKS,
  jsonRPC,
  moment,
  type Outcome,
  readText,
  Unreachable,
  verifyPromise,
  verifyProof,
} from "../verify/index.ts";
import { type Asked, readArgs, USAGE } from "./args.ts";
import { readInput, readKeys } from "./input.ts";

export * from "../verify/index.ts";
export { readKeys };

declare const TILLSEAL_VERSION: string; // put here by the build

const EXIT = { valid: 0, invalid: 1, unknown: 2 } as const;
const USAGE_EXIT = 2;

/** How a run ended, as the last line says. */
interface End {
  verdict: keyof typeof EXIT;
  step?: string;
  why?: string;
  promise?: Claims;
}

/** Runs the program and returns its exit code. */
export async function main(args: string[], env: Record<string, string | undefined> = process.env): Promise<number> {
  const asked = readArgs(args, env);
  if (asked?.help || asked?.version) {
    console.log(asked.help ? USAGE : TILLSEAL_VERSION);
    return 0;
  }
  if (asked === undefined || (asked.file === "-" && process.stdin.isTTY && args.length === 0)) {
    console.error("wrong usage; see --help");
    return USAGE_EXIT;
  }
  const end = await check(asked);
  const { verdict, step, why } = end;
  if (asked.json) print(JSON.stringify(end, (_, value) => (typeof value === "bigint" ? String(value) : value)));
  else print([verdict, ...(step === undefined ? [] : [step]), ...(why === undefined ? [] : [why])].join(": "));
  return EXIT[verdict];
}

async function check(asked: Asked): Promise<End> {
  let bytes: Uint8Array;
  try {
    bytes = await readInput(asked.file);
  } catch (error) {
    return { verdict: "unknown", why: `the file cannot be read (${(error as { code?: string }).code ?? "no reason given"})` };
  }
  let input: Given;
  try {
    input = readText(fromUTF8(bytes));
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return failed(asked, "shape", error.message);
  }
  let jwks: JWKS | undefined;
  try {
    if (asked.jwks !== undefined) jwks = await readKeys(asked.jwks);
  } catch {
    return { verdict: "unknown", why: "the shop's keys cannot be read" }; // the cause may quote a URL
  }
  return "proof" in input ? checkProof(input.proof, asked, jwks) : checkPromise(input, asked, jwks);
}

async function checkProof(proof: unknown, asked: Asked, jwks: JWKS | undefined): Promise<End> {
  let last: Outcome | undefined;
  try {
    const end = await verifyProof(proof, asked.rpc === undefined ? undefined : jsonRPC(asked.rpc), {
      ...(asked.contract !== undefined && { contract: asked.contract }),
      ...(asked.log !== undefined && { log: asked.log }),
      ...(jwks && { jwks }),
      progress: (line) => console.error(shown(line)),
      report: (outcome) => {
        last = outcome;
        tell(asked, outcome);
      },
    });
    if (end.verdict !== "unknown") return end;
    return { ...end, why: `${end.why}; name a node with --rpc URL, WEB3_PROVIDER or PUBLIC_RPC_URL` };
  } catch (error) {
    if (!(error instanceof Unreachable) || last === undefined) throw error;
    return { verdict: "unknown", step: last.step, why: last.text };
  }
}

function checkPromise({ promise, of }: Extract<Given, { of: unknown }>, asked: Asked, jwks: JWKS | undefined): End {
  let said: Claims;
  try {
    said = verifyPromise(promise, jwks, { ...of, ...(asked.contract !== undefined && { contract: asked.contract }) });
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return failed(asked, "promise", error.message);
  }
  const why = "its signature was not checked, for want of --jwks";
  const text = jwks ? "the promise is signed with a key of the shop's" : `the promise can be read; ${why}`;
  tell(asked, { step: "promise", state: jwks ? "ok" : "unknown", text, value: moment(said.anchor_by) });
  if (!asked.json) for (const [name, value] of told(said)) print(`${name.padEnd(9)}${value}`);
  return { verdict: jwks ? "valid" : "unknown", ...(!jwks && { step: "promise", why }), promise: said };
}

function told(said: Claims): [string, string][] {
  return [
    ["by", said.iss],
    ["record", `${said.record_number} of terminal ${said.terminal_id} in store ${said.store_id}`],
    ["sale", said.sub],
    ["hash", said.sale_hash],
    ["made", moment(said.iat)],
    ["due", moment(said.anchor_by)],
    ...(said.chain_id === undefined ? [] : [["contract", `${said.contract} on chain ${said.chain_id}`] as [string, string]]),
  ];
}

function failed(asked: Asked, step: Outcome["step"], why: string): End {
  tell(asked, { step, state: "failed", text: why });
  return { verdict: "invalid", step, why };
}

// An outcome that is not known is said by the last line.
function tell({ json }: Asked, outcome: Outcome): void {
  const mark = { ok: "ok   ", skipped: "skip ", failed: "FAIL ", unknown: undefined }[outcome.state];
  if (json) print(JSON.stringify(outcome));
  else if (mark !== undefined) print(`${mark} ${outcome.step}: ${outcome.text}`);
}

// Whoever made the proof chose its texts, which may not command a terminal.
const shown = (line: string) => line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
const print = (line: string) => console.log(shown(line));

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  process.exitCode = await main(process.argv.slice(2));
}
