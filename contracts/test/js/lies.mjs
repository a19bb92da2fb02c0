// Nodes and gateways that answer as a test likes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { verifyProof } from "../../verify/tillseal-verify.mjs";

export const word = (n) => `0x${n.toString(16).padStart(64, "0")}`;

/** A node whose answers to some methods are others: each lie takes the parameters and what asks the real node. */
export const lyingNode = (rpc) => (lies) => async (method, ...params) => {
  const real = () => rpc(method, ...params);
  return lies[method] ? lies[method](params, real) : real();
};

/** Answers HTTP at a URL with a key in it, until stop. */
export async function serve(answer) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return `http://127.0.0.1:${server.address().port}/shop/?key=sesame`;
}

const servers = [];

export function stopServers() {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
}

/** An outcome as the program prints it. */
export const lineOf = ({ step, state, text }) => `${{ ok: "ok   ", skipped: "skip ", failed: "FAIL ", unknown: "unknown" }[state]} ${step}: ${text}`;

/** A run with its lines, which show no URL. */
export async function verify(proof, options, rpc) {
  const lines = [];
  const result = await verifyProof(proof, rpc, { ...options, report: (outcome) => lines.push(lineOf(outcome)) });
  assert.doesNotMatch(lines.join("\n"), /sesame|127\.0\.0\.1/);
  return { ...result, lines, line: lines.find((line) => / log_root: /.test(line)) };
}
