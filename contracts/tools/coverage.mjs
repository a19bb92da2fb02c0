#!/usr/bin/env node
// Fails when the tests leave a line, a branch or a function of src/ unvisited (forge coverage, its lcov report).
//
// Coverage compiles without the optimizer and the IR, so what is true of the shipped code only is left out: the gas, and
// that the binding holds this very code. Fuzz tests and invariants are left out too: what is covered shall not depend on
// chance.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { foundryBinary } from "./foundry.mjs";

const LEFT_OUT = [
  ...["--no-match-contract", "GasTest|InvariantTest"],
  ...["--no-match-test", "TheCodeTestedHereIsTheCodeThatShips|testFuzz_"],
];
const KINDS = { lines: ["LF", "LH"], branches: ["BRF", "BRH"], functions: ["FNF", "FNH"] };
const MUST_APPEAR = "src/SaleAnchor.sol";

const scratch = mkdtempSync(join(tmpdir(), "tillseal-coverage-"));
try {
  const report = join(scratch, "lcov.info");
  // Folders of its own: unoptimized artifacts have no place in out/.
  const folders = ["--out", join(scratch, "out"), "--cache-path", join(scratch, "cache")];
  const options = ["--exclude-tests", "--report", "lcov", "--report-file", report];
  execFileSync(foundryBinary("forge"), ["coverage", ...options, ...folders, ...LEFT_OUT], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: ["ignore", "ignore", "inherit"],
  });
  process.exitCode = judge(readFileSync(report, "utf8"));
} catch (error) {
  console.error(`coverage: ${error.message}; the tests say more: ./tools/forge test`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

// judge prints one line a file, and what was not visited, and returns the exit code.
function judge(lcov) {
  const files = lcov.split("end_of_record").filter((record) => /^SF:src\//m.test(record));
  // An empty report must not pass for a full one.
  let full = files.some((record) => record.includes(`SF:${MUST_APPEAR}\n`));
  if (!full) console.error(`coverage: ${MUST_APPEAR} is not in the report`);

  for (const record of files) {
    const name = /^SF:(.*)$/m.exec(record)[1];
    const counts = Object.entries(KINDS).map(([kind, [found, hit]]) => {
      return { kind, found: count(record, found), hit: count(record, hit) };
    });
    console.log(`${name}: ${counts.map(({ kind, found, hit }) => `${hit}/${found} ${kind}`).join(", ")}`);
    full &&= counts.every(({ found, hit }) => hit === found);
    for (const [, line] of record.matchAll(/^(?:DA:(?=\d+,0$)|BRDA:(?=.*,[0-]$))(\d+)/gm)) {
      console.error(`  ${name}:${line} is not visited, or has a branch not taken`);
    }
  }
  if (!full) console.error("coverage: below 100 %");
  return full ? 0 : 1;
}

function count(record, key) {
  return Number(new RegExp(`^${key}:(\\d+)$`, "m").exec(record)?.[1] ?? NaN);
}
