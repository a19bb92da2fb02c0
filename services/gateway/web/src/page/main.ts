// What came with the page is shown: a receipt, what is left of one that was altered, or why there is none.
import { showAltered } from "./altered.ts";
import type { Receipt } from "./data.ts";
import { fill, h } from "./dom.ts";
import type { Language } from "./i18n.ts";
import { languageMenu, languageOf, present } from "./language.ts";
import { Page } from "./receipt.ts";

const read = (id: string): unknown => JSON.parse(document.getElementById(id)?.textContent ?? "null");

function showRefused(main: HTMLElement, code: string, language: Language): void {
  const key = `refused.${code}`;
  fill(
    main,
    h("h1", {}, language.text("refused.title")),
    h("p", {}, language.text(language.has(key) ? key : "refused.other")),
    languageMenu(language),
  );
}

function start(): void {
  const main = document.getElementById("page");
  if (main === null) return;
  const language = languageOf();
  const receipt = read("receipt") as Receipt | null;
  const refused = read("refused") as { code: string } | null;
  const record = receipt?.record;
  const shop = receipt?.shop.name ? ` · ${receipt.shop.name}` : "";
  if (receipt === null) {
    present(language, language.text("refused.title"));
    showRefused(main, refused?.code ?? "", language);
  } else if (record === undefined) {
    present(language, language.text("altered.title") + shop);
    showAltered(main, receipt, language);
  } else {
    present(language, language.text(record.kind === "refund" ? "receipt.title.refund" : "receipt.title") + shop);
    new Page(receipt, record, language).show(main);
  }
}

start();
