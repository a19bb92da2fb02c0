// Where npm put the binaries of Foundry. Never through npm's own wrappers (node_modules/.bin/forge): version 1.7.1 of
// them exits 0 whatever forge said, so that no check could fail, and is gone before the anvil it was asked to stop.
import { fileURLToPath } from "node:url";

const ARCH = { x64: "amd64", arm64: "arm64" }[process.arch];
const SUFFIX = process.platform === "win32" ? ".exe" : "";

/** @param {"forge" | "anvil"} tool */
export function foundryBinary(tool) {
  const path = `../node_modules/@foundry-rs/${tool}-${process.platform}-${ARCH}/bin/${tool}${SUFFIX}`;
  return fileURLToPath(new URL(path, import.meta.url));
}
