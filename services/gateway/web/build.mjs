// Bundles what is served and handed out: node build.mjs [folder], the repository by default. The same sources give the same bytes.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const REPOSITORY = resolve(HERE, "../../..");

const read = (path) => readFileSync(resolve(REPOSITORY, path), "utf8");

const { version } = JSON.parse(read("contracts/verify/package.json"));
const code = hexToBytes(read("contracts/binding/SaleAnchor.bin-runtime").trim());

const DEFINE = {
  TILLSEAL_VERSION: JSON.stringify(version),
  SALE_ANCHOR_CODE_HASH: JSON.stringify(`0x${bytesToHex(keccak_256(code))}`),
};

// Each bundle has the licences of what it is made of.
const LICENCES = ["hashes", "curves"].map((name) => {
  const text = readFileSync(resolve(HERE, `node_modules/@noble/${name}/LICENSE`), "utf8").trim();
  return `/*\n@noble/${name}\n\n${text}\n*/`;
});

const TARGETS = [
  {
    out: "contracts/verify/tillseal-verify.mjs",
    mode: 0o755,
    options: { entryPoints: ["src/cli/main.ts"], platform: "node", target: "node20" },
  },
];

async function make({ out, mode = 0o644, options }, folder) {
  const { outputFiles } = await build({
    absWorkingDir: HERE,
    bundle: true,
    charset: "utf8",
    define: DEFINE,
    footer: { js: LICENCES.join("\n") },
    format: "esm",
    legalComments: "inline",
    logLevel: "warning",
    write: false,
    ...options,
  });
  const path = resolve(folder, out);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, outputFiles[0].contents);
  chmodSync(path, mode);
}

const folder = resolve(process.argv[2] ?? REPOSITORY);
for (const target of TARGETS) await make(target, folder);
