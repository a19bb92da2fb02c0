// JSON that every parser reads alike (RFC 8259, section 4; RFC 7493): what is shown must be what was hashed and signed.
import { Invalid, must } from "./errors.ts";

const DEPTH_MAX = 16; // a proof needs 3

/**
 * Parses JSON, and refuses what programs read differently: a member that is there twice, however it is written, a lone surrogate, and
 * __proto__, unless others may choose names as they like: it stays a member, but an assignment would not keep it. Throws Invalid.
 */
export function parseJSON(text: string, { anyNames = false } = {}): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Invalid("not JSON");
  }
  inspect(text, anyNames);
  return value;
}

// Goes over a text that is known to be JSON: brackets stand only where they open and close, and a colon only after a member's name.
function inspect(text: string, anyNames: boolean): void {
  const open: Set<string>[] = []; // the names so far of each object that is open; a list has none
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") {
      open.push(new Set());
      must(open.length <= DEPTH_MAX, `nested more than ${DEPTH_MAX} deep`);
    } else if (c === "}" || c === "]") {
      open.pop();
    } else if (c === '"') {
      const end = endOfString(text, i);
      const said = JSON.parse(text.slice(i, end)) as string;
      must(!/\p{Cs}/u.test(said), "a text has a lone surrogate");
      if (isName(text, end)) {
        must(anyNames || said !== "__proto__", "a member is called __proto__");
        const names = open.at(-1);
        must(names !== undefined && !names.has(said), "a member is repeated");
        names.add(said);
      }
      i = end - 1;
    }
  }
}

// The index after the string that begins at start.
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}

function isName(text: string, end: number): boolean {
  let i = end;
  while (/^[ \t\r\n]$/.test(text.charAt(i))) i++;
  return text[i] === ":";
}
