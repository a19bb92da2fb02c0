// Runs a verification and says in words what came of it.
import { Invalid, type JWKS, jsonRPC, type Proof, parseProof, STEPS, Unreachable, verifyPromise, verifyProof } from "../verify/index.ts";
import { type Child, h } from "./dom.ts";
import type { Language } from "./i18n.ts";
import type { Step, Steps } from "./steps.ts";

export interface Wanted {
  node: string | undefined; // its URL
  contract?: string; // that the shop published
  jwks?: JWKS;
  log?: string; // a gateway's base URL, for the path of a proof that has aged
  /** What the page shows otherwise than the proof, if it shows a record. */
  differs?: (proof: unknown) => string | undefined;
}

/** Verifies a proof's text, and shows each step. Resolves to whether it is valid, undefined where that could not be found out. */
export async function check(text: string, wanted: Wanted, steps: Steps, language: Language): Promise<boolean | undefined> {
  const all: Step[] = wanted.differs === undefined ? [...STEPS] : ["shape", "shown", ...STEPS.filter((step) => step !== "shape")];
  steps.begin(all);
  const fail = (step: Step, why: string) => {
    steps.report({ step, state: "failed", text: why });
    steps.end();
    steps.say("bad", language.text("check.invalid", { step: language.text(`step.${step}`) }));
    return false;
  };
  let proof: unknown;
  try {
    proof = parseProof(text);
  } catch (error) {
    return fail("shape", error instanceof Error ? error.message : "it cannot be read");
  }
  let shown: string | undefined; // what differs, found once the proof is known to have its shape
  try {
    const result = await verifyProof(proof, wanted.node === undefined ? undefined : jsonRPC(wanted.node), {
      ...(wanted.contract === undefined ? {} : { contract: wanted.contract }),
      ...(wanted.jwks === undefined ? {} : { jwks: wanted.jwks }),
      ...(wanted.log === undefined ? {} : { log: wanted.log }),
      progress: () => steps.tell(language.text("check.progress")),
      report: (outcome) => {
        steps.report(outcome);
        if (outcome.step !== "shape" || outcome.state !== "ok" || wanted.differs === undefined) return;
        shown = wanted.differs(proof);
        if (shown !== undefined) throw new Differs();
        steps.report({ step: "shown", state: "ok" });
      },
    });
    steps.end();
    if (result.verdict === "valid" && result.skipped.includes("log_root")) {
      // A node without the contract's old events, or one whose events and logRoot contradict each other.
      steps.say("unsure", language.text("check.valid.event", { step: language.text("step.log_root") }));
      return undefined;
    }
    if (result.verdict === "valid") {
      steps.say("good", language.text("check.valid"), kept(result, language), asked(proof as Proof, wanted, language));
      return true;
    }
    const step = language.text(`step.${result.step ?? "shape"}`);
    if (result.verdict === "invalid") steps.say("bad", language.text("check.invalid", { step }));
    else steps.say("unsure", wanted.node === undefined ? language.text("check.node.none") : language.text("check.unknown", { step }));
    return result.verdict === "invalid" ? false : undefined;
  } catch (error) {
    if (error instanceof Differs) return fail("shown", `the page shows another ${shown}`);
    steps.end();
    if (error instanceof Unreachable) {
      const [before, after] = language.text("unknown.node").split("{reason}");
      steps.say("unsure", "", before, h("span", { lang: "en" }, error.reason), after);
    } else {
      steps.say("unsure", language.text("check.unknown.other"));
    }
    return undefined;
  }
}

class Differs extends Error {}

// Whether the promise was kept, where the chain has told when.
function kept(result: { minedAt?: bigint; promiseKept?: boolean; promise?: { anchor_by: number } }, language: Language): string {
  if (result.minedAt === undefined || result.promiseKept === undefined || result.promise === undefined) return "";
  const [time, deadline] = [language.second(result.minedAt), language.second(result.promise.anchor_by)];
  return ` ${language.text(result.promiseKept ? "alone.kept" : "alone.late", { time, deadline })}`;
}

// Whom a verdict comes from: whoever reads it should know what was asked, and whether the contract is the shop's.
function asked(proof: Proof, wanted: Wanted, language: Language): Child {
  const { chain_id, contract } = proof.chain;
  const node = wanted.node === undefined ? "" : new URL(wanted.node).host;
  const text = language.text("check.asked", { node, contract: `eip155:${chain_id}:${contract}` });
  return h(
    "span",
    { class: "details" },
    h("span", {}, text),
    wanted.contract === undefined && h("span", {}, language.text("check.uncompared")),
  );
}

/** Verifies a promise alone, which is all there is before the proof. */
export function checkPromise(
  jws: string,
  jwks: JWKS | undefined,
  expected: Parameters<typeof verifyPromise>[2],
  steps: Steps,
  language: Language,
): ReturnType<typeof verifyPromise> | undefined {
  steps.begin(["promise"]);
  try {
    const claims = verifyPromise(jws, jwks, expected);
    steps.report({ step: "promise", state: jwks === undefined ? "unknown" : "ok", value: claims.sale_hash });
    if (jwks === undefined) steps.say("unsure", language.text("check.unknown.promise"));
    else steps.say("good", language.text("check.valid.promise"));
    return claims;
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    steps.report({ step: "promise", state: "failed", text: error.message });
    steps.say("bad", language.text("check.invalid.promise"));
    return undefined;
  }
}
