#!/usr/bin/env node
// Verifies the proof of a sale (GET /sales/{id}/proof) against the chain: the program of ../verify, which --help explains.
import { pathToFileURL } from "node:url";
import { main } from "../verify/tillseal-verify.mjs";

export * from "../verify/tillseal-verify.mjs";

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2));
}
