#!/usr/bin/env node
// Compiles SaleAnchor as foundry.toml says (forge, with npm's solc) and writes to binding/, or to the folder given:
//   SaleAnchor.abi           the ABI, JSON
//   SaleAnchor.bin           creation code, hex without 0x
//   SaleAnchor.bin-runtime   the code that a chain then holds; without immutables it is the same everywhere
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { foundryBinary } from "./foundry.mjs";

const project = fileURLToPath(new URL("..", import.meta.url));
const target = resolve(process.argv[2] ?? join(project, "binding"));

// A folder of its own: what the tests' compilation left in out/ and cache/ has no part in what we ship.
const scratch = mkdtempSync(join(tmpdir(), "tillseal-build-"));
try {
  execFileSync(
    foundryBinary("forge"),
    ["build", "src/SaleAnchor.sol", "--force", "--out", join(scratch, "out"), "--cache-path", join(scratch, "cache")],
    { cwd: project, stdio: ["ignore", process.stderr, process.stderr] },
  );
  const artifact = JSON.parse(readFileSync(join(scratch, "out/SaleAnchor.sol/SaleAnchor.json"), "utf8"));
  if (Object.keys(artifact.deployedBytecode.immutableReferences ?? {}).length > 0) {
    throw new Error("SaleAnchor has immutables: the code on a chain would differ from SaleAnchor.bin-runtime");
  }
  const files = {
    "SaleAnchor.abi": JSON.stringify(artifact.abi, null, 2),
    "SaleAnchor.bin": artifact.bytecode.object.slice(2),
    "SaleAnchor.bin-runtime": artifact.deployedBytecode.object.slice(2),
  };
  mkdirSync(target, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(target, name), text + "\n");
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
