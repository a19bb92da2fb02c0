// The steps of a verification as they go: each with its value and a tick, or what it means that it fails.
import type { Outcome, StepName } from "../verify/index.ts";
import { type Child, code, fill, h } from "./dom.ts";
import type { Language } from "./i18n.ts";

/** Of the page's own: that what it shows is what the proof says. */
export type Step = StepName | "shown";
export type State = Outcome["state"] | "open";

export interface Reported {
  step: Step;
  state: State;
  text?: string; // in English, for whoever wants to know exactly
  value?: string;
}

const MARKS: Readonly<Record<State, string>> = { ok: "✓", failed: "✗", skipped: "–", unknown: "?", open: "·" };

/** A list of steps and the verdict above it, which screen readers are told. */
export class Steps {
  readonly element: HTMLElement;
  private readonly verdict = h("p", { class: "verdict", role: "status" });
  private readonly progress = h("p", { class: "quiet" });
  private readonly list = h("ol", { class: "steps" });
  private readonly rows = new Map<Step, HTMLElement>();
  private readonly language: Language;

  constructor(language: Language) {
    this.language = language;
    this.element = h("div", { class: "check" }, this.verdict, this.progress, this.list);
  }

  /** Takes away what was found before. */
  clear(): void {
    this.say("", "");
    this.tell("");
    this.rows.clear();
    fill(this.list);
  }

  /** Begins anew with these steps, all open. */
  begin(steps: readonly Step[]): void {
    this.clear();
    this.say("", this.language.text("check.running"));
    for (const step of steps) {
      const row = h("li", { "data-step": step });
      this.rows.set(step, row);
      this.list.append(row);
      this.report({ step, state: "open" });
    }
  }

  report({ step, state, text, value }: Reported): void {
    const row = this.rows.get(step);
    if (row === undefined) return;
    const { language } = this;
    row.className = state;
    const shown: Child[] = [
      h("span", { class: "mark", "aria-hidden": "true" }, MARKS[state]),
      h(
        "span",
        { class: "what" },
        language.text(`step.${step}`),
        h("span", { class: "hidden" }, ` (${language.text(`check.state.${state}`)})`),
      ),
    ];
    if (state === "failed") shown.push(h("span", { class: "means" }, language.text(`fails.${step}`)));
    if (value) shown.push(h("span", { class: "value" }, code(value)));
    if (text && state !== "ok")
      shown.push(h("span", { class: "exactly" }, `${language.text("check.detail")}: `, h("span", { lang: "en" }, text)));
    fill(row, shown);
  }

  /** Takes away the steps that were not come to. */
  end(): void {
    this.tell("");
    for (const [step, row] of this.rows) {
      if (row.className !== "open") continue;
      row.remove();
      this.rows.delete(step);
    }
  }

  /** What is going on that takes long. */
  tell(line: string): void {
    this.progress.textContent = line;
  }

  /** The verdict: good, bad, unsure or, while there is none, "". */
  say(kind: "" | "good" | "bad" | "unsure", text: string, ...more: Child[]): void {
    this.verdict.className = `verdict ${kind}`;
    fill(this.verdict, text, more);
  }
}

/** What no proof can show, which belongs beside any verdict. */
export function limits(language: Language): HTMLElement {
  const all = ["true", "program", "shop", "all", "rate"];
  return h(
    "details",
    { class: "cannot" },
    h("summary", {}, language.text("check.cannot")),
    h(
      "ul",
      {},
      all.map((one) => h("li", {}, language.text(`check.cannot.${one}`))),
    ),
  );
}
