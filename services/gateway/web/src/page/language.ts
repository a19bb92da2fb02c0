// Which language a page is in: the one that the shopper chose or, before that, the first that the browser asks for.
import locales from "virtual:locales";
import { h } from "./dom.ts";
import { Language } from "./i18n.ts";

const KEPT = "tillseal-language";

export function languageOf(): Language {
  const wanted = [...navigator.languages];
  const chosen = kept();
  return new Language(locales, chosen === undefined ? wanted : [chosen, ...wanted.filter((tag) => tag.startsWith(chosen)), ...wanted]);
}

function kept(): string | undefined {
  try {
    return window.localStorage.getItem(KEPT) ?? undefined;
  } catch {
    return undefined; // a browser that keeps nothing
  }
}

/** Sets the document's language, direction and title. */
export function present(language: Language, title: string): void {
  document.documentElement.lang = language.tag;
  document.documentElement.dir = language.direction;
  document.title = title;
}

/** Where the shopper chooses another. */
export function languageMenu(language: Language): HTMLElement {
  const choose = (event: Event) => {
    try {
      window.localStorage.setItem(KEPT, (event.target as HTMLSelectElement).value);
    } catch {
      return; // it would be forgotten by the next load
    }
    location.reload();
  };
  return h(
    "footer",
    { class: "noprint" },
    h("label", { for: "language" }, language.text("label.language")),
    h(
      "select",
      { id: "language", onchange: choose },
      Object.entries(locales).map(([tag, texts]) =>
        h("option", { value: tag, lang: tag, selected: tag === language.tag }, texts.language ?? tag),
      ),
    ),
  );
}
