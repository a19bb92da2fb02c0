// Questions over HTTP. No error shows a URL, which may hold an API key, nor the words of whoever answered.
import { fromUTF8 } from "./bytes.ts";

/** An answer of another kind than was asked for, in our own words. */
export class Unanswered extends Error {
  override name = "Unanswered";
  readonly status: number | undefined;

  constructor(why: string, status?: number) {
    super(why);
    this.status = status;
  }
}

export interface Asked extends RequestInit {
  /** Whom an error names, such as "the node". */
  who: string;
  timeoutMs: number;
  bytesMax: number;
}

/** The text of the answer 200 to a request, which takes nothing along that the browser knows. Other answers are Unanswered. */
export async function ask(url: string | URL, { who, timeoutMs, bytesMax, signal, ...init }: Asked): Promise<string> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await send(url, who, {
    credentials: "omit",
    referrerPolicy: "no-referrer",
    redirect: "error",
    cache: "no-store",
    ...init,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Unanswered(`HTTP status ${response.status}`, response.status);
  }
  return fromUTF8(await read(response, bytesMax));
}

// A browser does not tell a page why there is no connection, and that no answer may be read looks the same.
async function send(url: string | URL, who: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof TypeError && error.cause === undefined) throw new Unanswered(`no connection (or ${who} lets no page ask it)`);
    throw error;
  }
}

async function read(response: Response, bytesMax: number): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    bytes += part.value.length;
    if (bytes > bytesMax) {
      await reader?.cancel();
      throw new Unanswered(`the answer is longer than ${bytesMax} bytes`);
    }
    parts.push(part.value);
  }
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Why there was no answer, in our own words: an error's may have the URL. */
export function reason(error: unknown): string {
  if (error instanceof Unanswered) return error.message;
  const { name, code, cause } = error as { name?: string; code?: unknown; cause?: { code?: unknown } };
  if (name === "TimeoutError" || name === "AbortError") return "no answer in time";
  const known: Record<string, string> = { ECONNREFUSED: "connection refused", ENOTFOUND: "its name is not known" };
  return known[String(cause?.code ?? code)] ?? "the answer cannot be read";
}
