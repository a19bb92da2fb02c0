/** Why a proof or a promise is refused. */
export class Invalid extends Error {
  override name = "Invalid";
}

/** A step that is left out, which is no reason to refuse the proof. */
export class Skipped extends Error {
  override name = "Skipped";
}

/** Ends the step that it is called in; the message is for the person who runs the check. */
export function must(holds: boolean, why: string): asserts holds {
  if (!holds) throw new Invalid(why);
}

/** Whether a value that was parsed from JSON is an object, no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
