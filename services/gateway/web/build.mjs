// Bundles what is served and handed out: node build.mjs [folder], the repository by default. The same sources give the same bytes.
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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

// The texts of each language, by its tag: a file in locale/ is all that another needs.
const locales = {
  name: "locales",
  setup(bundle) {
    bundle.onResolve({ filter: /^virtual:locales$/ }, ({ path }) => ({ path, namespace: "locales" }));
    bundle.onLoad({ filter: /.*/, namespace: "locales" }, () => {
      const files = readdirSync(resolve(HERE, "locale")).filter((file) => file.endsWith(".json"));
      const texts = files
        .sort()
        .map((file) => [file.slice(0, -".json".length), JSON.parse(readFileSync(resolve(HERE, "locale", file), "utf8"))]);
      return { contents: JSON.stringify(Object.fromEntries(texts)), loader: "json" };
    });
  },
};

const BROWSER = { platform: "browser", target: ["chrome107", "firefox110", "safari16"], minify: true, plugins: [locales] };
const PAGE = "services/gateway/internal/api/page";

const TARGETS = [
  {
    out: "contracts/verify/tillseal-verify.mjs",
    mode: 0o755,
    options: { entryPoints: ["src/cli/main.ts"], platform: "node", target: "node20" },
  },
  { out: `${PAGE}/receipt.js`, options: { entryPoints: ["src/page/main.ts"], ...BROWSER } },
  { out: `${PAGE}/receipt.css`, options: { entryPoints: ["src/page/style.css"], footer: {}, ...BROWSER } },
  { out: "infra/verify.html", html: "src/page/standalone.html", options: { entryPoints: ["src/page/standalone.ts"], ...BROWSER } },
];

const BUNDLE = { bundle: true, charset: "utf8", logLevel: "warning", write: false, absWorkingDir: HERE };

// One file with its script and style in it: they alone may run, by their hashes.
async function inOne(html, script) {
  const [style] = (await build({ ...BUNDLE, entryPoints: ["src/page/style.css"], ...BROWSER })).outputFiles;
  const inline = script.replaceAll("</script", "<\\/script");
  const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = `default-src 'none'; script-src ${hash(inline)}; style-src ${hash(style.text)}; connect-src http: https:; base-uri 'none'; form-action 'none'`;
  const parts = { policy, style: style.text, script: inline };
  return readFileSync(resolve(HERE, html), "utf8").replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
}

async function make({ out, mode = 0o644, html, options }, folder) {
  const { outputFiles } = await build({
    ...BUNDLE,
    format: "esm",
    define: DEFINE,
    footer: { js: LICENCES.join("\n") },
    legalComments: "inline",
    ...options,
  });
  const path = resolve(folder, out);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, html === undefined ? outputFiles[0].contents : await inOne(html, outputFiles[0].text));
  chmodSync(path, mode);
}

const folder = resolve(process.argv[2] ?? REPOSITORY);
for (const target of TARGETS) await make(target, folder);
