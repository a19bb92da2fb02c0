// The page of a record that is not what it was.
import type { Receipt } from "./data.ts";
import { fill, h } from "./dom.ts";
import type { Language } from "./i18n.ts";
import { languageMenu } from "./language.ts";
import { save } from "./promise.ts";
import { shopHeader } from "./slip.ts";
import { type Step, Steps } from "./steps.ts";

/**
 * The shop's own server says that what is stored was altered, and by which step of a verification that shows.
 * promise: what the page had before, which still says what was recorded.
 */
export function showAltered(main: HTMLElement, receipt: Receipt, language: Language, promise?: string): void {
  const steps = new Steps(language);
  const named = receipt.proof.step ?? "";
  const step = ["promise", "request", "leaf", "shown"].includes(named) ? (named as Step) : "sale_hash";
  const verify = () => {
    steps.begin([step]);
    steps.report({ step, state: "failed" });
    steps.say("bad", language.text("check.invalid", { step: language.text(`step.${step}`) }));
  };
  fill(
    main,
    shopHeader(receipt, language),
    h("h1", {}, language.text("altered.title")),
    h("p", { class: "verdict bad", role: "alert" }, language.text("proof.altered")),
    h("p", {}, language.text("altered.what", { sale: receipt.sale_id })),
    h("p", {}, language.text("altered.do")),
    promise !== undefined && [
      h("p", {}, h("button", { type: "button", onclick: () => save(promise, receipt.sale_id) }, language.text("proof.promise"))),
      h("p", { class: "quiet" }, language.text("proof.promise.what")),
    ],
    h(
      "section",
      { class: "verify noprint", "aria-labelledby": "verify-title" },
      h("h2", { id: "verify-title" }, language.text("check.title")),
      h("p", {}, language.text("altered.by")),
      h("p", { class: "actions" }, h("button", { type: "button", class: "main", onclick: verify }, language.text("check.run"))),
      steps.element,
    ),
    languageMenu(language),
  );
  if (promise !== undefined) verify(); // the shopper saw another page before, and should see why it is gone
}
