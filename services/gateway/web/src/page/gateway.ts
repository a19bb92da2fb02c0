// What the page asks of the gateway that it came from.
const ASK_TIMEOUT_MS = 10_000;

/** A call of this gateway for the receipt's holder. */
export function ask(path: string): Promise<Response> {
  return fetch(path, {
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
  });
}

/** The code of a problem (RFC 9457); undefined for anything else. */
export const codeOf = (problem: string): unknown => {
  try {
    return (JSON.parse(problem) as { code?: unknown }).code;
  } catch {
    return undefined;
  }
};
