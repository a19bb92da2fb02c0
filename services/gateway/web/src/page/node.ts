// Which node of the chain is asked. The page's policy allows the shop's alone: for another the page is loaded anew with that node's origin in
// its address, which the gateway adds to the policy. The rest of a node's URL, which may hold a key, never leaves the browser.

const KEPT = "tillseal-node";

/** An http or https URL as a person may enter it; undefined for anything else. */
export function nodeURL(entered: string): string | undefined {
  try {
    const url = new URL(entered.trim());
    const fits = /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" && url.hash === "";
    return fits ? url.href : undefined;
  } catch {
    return undefined;
  }
}

export interface Kept {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/**
 * The node that the shopper named here, where the page's address says that it may be asked; otherwise undefined. Somebody else may have made
 * the address: it alone names no node.
 */
export function ownNode(address: string, kept: Kept | undefined): string | undefined {
  const origin = new URL(address).searchParams.get("node");
  try {
    const own = nodeURL(kept?.getItem(KEPT) ?? "");
    return own !== undefined && new URL(own).origin === origin ? own : undefined;
  } catch {
    return undefined; // a browser that keeps nothing
  }
}

/**
 * The address at which the page may ask a node, undefined where it may already. run: the verification begins by itself there.
 */
export function addressFor(address: string, kept: Kept | undefined, node: string, shops: string | undefined): string | undefined {
  const at = new URL(address);
  const { origin } = new URL(node);
  const may = [at.origin, at.searchParams.get("node"), shops === undefined ? null : new URL(shops).origin];
  try {
    kept?.setItem(KEPT, node);
  } catch {
    // then it has to be named again there
  }
  if (may.includes(origin)) return undefined;
  at.searchParams.set("node", origin);
  at.hash = "verify";
  return at.href;
}
