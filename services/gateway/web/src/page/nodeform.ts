// Where a shopper names a node of their own.
import { h } from "./dom.ts";
import type { Language } from "./i18n.ts";
import { nodeURL } from "./node.ts";

/** The form, open where no node is known yet; use gets an http or https URL. */
export function nodeForm(node: string | undefined, language: Language, use: (node: string) => void): HTMLElement {
  const wrong = h("p", { class: "wrong", role: "alert", id: "node-wrong" });
  const input = h("input", {
    type: "url",
    id: "node",
    name: "node",
    inputmode: "url",
    autocomplete: "off",
    spellcheck: "false",
    value: node ?? "",
    "aria-describedby": "node-what node-wrong",
  });
  const submit = (event: Event) => {
    event.preventDefault();
    const entered = nodeURL(input.value);
    wrong.textContent = entered === undefined ? language.text("check.node.wrong") : "";
    input.setAttribute("aria-invalid", String(entered === undefined));
    if (entered !== undefined) use(entered);
  };
  return h(
    "details",
    { class: "node", open: node === undefined },
    h("summary", {}, language.text("check.node")),
    h(
      "form",
      { onsubmit: submit, novalidate: true },
      h("label", { for: "node", class: "hidden" }, language.text("check.node")),
      h("p", { id: "node-what", class: "quiet" }, language.text("check.node.what")),
      input,
      h("button", { type: "submit" }, language.text("check.node.use")),
      wrong,
    ),
  );
}
