// The page of a record that is not what it was.
import type { Receipt } from "./data.ts";
import { fill, h } from "./dom.ts";
import type { Language } from "./i18n.ts";
import { languageMenu } from "./language.ts";
import { shopHeader } from "./slip.ts";
import { Steps } from "./steps.ts";

/**
 * The shop's own server says that what is stored was altered, and by which step of a verification that shows.
 * verified: the shopper has asked for the verification already.
 */
export function showAltered(main: HTMLElement, receipt: Receipt, language: Language, verified = false): void {
  const steps = new Steps(language);
  const verify = () => {
    const named = receipt.proof.step;
    const step = named === "promise" || named === "request" || named === "leaf" ? named : "sale_hash";
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
    h(
      "section",
      { class: "verify noprint", "aria-labelledby": "verify-title" },
      h("h2", { id: "verify-title" }, language.text("check.title")),
      h("p", { class: "actions" }, h("button", { type: "button", class: "main", onclick: verify }, language.text("check.run"))),
      steps.element,
    ),
    languageMenu(language),
  );
  if (verified) verify();
}
