import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test("what is checked in is what the sources make", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tillseal-"));
  t.after(() => rmSync(folder, { recursive: true }));
  execFileSync(process.execPath, [at("../build.mjs"), folder], { cwd: folder, stdio: "inherit" });
  const made = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  assert.ok(made.some(({ name }) => name === "tillseal-verify.mjs"));
  for (const { parentPath, name } of made) {
    const path = join(parentPath, name);
    const checkedIn = at(`../../../../${path.slice(folder.length + 1)}`);
    const fresh = readFileSync(path);
    assert.ok(fresh.equals(readFileSync(checkedIn)), `${name} is not what the sources make: npm run build`);
    assert.equal(statSync(checkedIn).mode & 0o111, statSync(path).mode & 0o111, name);
    for (const mine of [at("../"), folder, at("../../../../")]) assert.ok(!fresh.includes(mine), `${name} has a path of this machine`);
  }
});
