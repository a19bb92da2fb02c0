// The verifier in one file, without the shop: a proof or a promise is chosen, dropped or pasted, and any node of the chain is asked.
import { ask } from "../verify/http.ts";
import { type Given, Invalid, type JWKS, parseContract, parseKeys, parseProof, readText } from "../verify/index.ts";
import { code, facts, fill, foreign, h } from "./dom.ts";
import type { Language } from "./i18n.ts";
import { languageMenu, languageOf, present } from "./language.ts";
import { nodeURL } from "./node.ts";
import { limits, Steps } from "./steps.ts";
import { check, checkPromise } from "./verdict.ts";

const PROOF_BYTES_MAX = 4 << 20;
const KEYS_BYTES_MAX = 64 << 10;
const KEYS_TIMEOUT_MS = 15_000;

class Verifier {
  private readonly language: Language;
  private readonly steps: Steps;
  private readonly text = h("textarea", { id: "text", spellcheck: "false", autocomplete: "off" });
  private readonly node = field("node", { type: "url", inputmode: "url", "aria-describedby": "node-what" });
  private readonly contract = field("contract", {});
  private readonly keysFile = h("input", {
    type: "file",
    id: "keys-file",
    accept: ".json,application/json",
    "aria-describedby": "keys-what",
  });
  private readonly keysURL = field("keys-url", { type: "url", inputmode: "url" });
  private readonly wrong = h("p", { class: "wrong", role: "alert" });
  private readonly about = h("div", {});
  private readonly button = h("button", { type: "submit", class: "main" });

  constructor(language: Language) {
    this.language = language;
    this.steps = new Steps(language);
  }

  show(main: HTMLElement): void {
    const { language } = this;
    const label = (id: string, key: string) => h("label", { for: id }, language.text(key));
    const hint = (id: string, key: string) => h("p", { class: "quiet", id }, language.text(key));
    const file = h("input", {
      type: "file",
      id: "file",
      accept: ".json,.jws,.txt,application/json",
      "aria-describedby": "file-what",
      onchange: (event) => void this.take((event.target as HTMLInputElement).files?.[0]),
    });
    this.button.textContent = language.text("check.run");
    fill(
      main,
      h("h1", {}, language.text("alone.title")),
      h("p", {}, language.text("alone.what")),
      h("p", { class: "quiet" }, language.text("alone.private")),
      h(
        "form",
        {
          novalidate: true,
          onsubmit: (event) => {
            event.preventDefault();
            void this.verify();
          },
        },
        h(
          "div",
          { class: "drop" },
          label("file", "alone.file"),
          hint("file-what", "alone.file.what"),
          file,
          label("text", "alone.paste"),
          this.text,
        ),
        h("p", {}, label("node", "check.node")),
        hint("node-what", "check.node.what"),
        this.node,
        h(
          "details",
          {},
          h("summary", {}, language.text("alone.more")),
          label("contract", "alone.contract"),
          this.contract,
          label("keys-file", "alone.keys"),
          hint("keys-what", "alone.keys.what"),
          this.keysFile,
          label("keys-url", "alone.keys.url"),
          this.keysURL,
        ),
        h("p", { class: "actions" }, this.button),
        this.wrong,
      ),
      this.about,
      this.steps.element,
      limits(language),
      languageMenu(language),
    );
    const over = (event: Event, is: boolean) => {
      event.preventDefault();
      document.body.classList.toggle("dragged", is);
    };
    document.addEventListener("dragover", (event) => over(event, true));
    document.addEventListener("dragleave", (event) => over(event, false));
    document.addEventListener("drop", (event) => {
      over(event, false);
      void this.take(event.dataTransfer?.files[0]);
    });
  }

  private async take(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    if (file.size > PROOF_BYTES_MAX) {
      this.wrong.textContent = this.language.text("alone.large");
      return;
    }
    this.wrong.textContent = "";
    this.text.value = await file.text();
    if (this.node.value !== "") await this.verify();
    else this.node.focus();
  }

  private async verify(): Promise<void> {
    if (this.button.disabled) return;
    this.button.disabled = true;
    this.wrong.textContent = "";
    fill(this.about);
    this.steps.clear();
    try {
      await this.verifyOnce();
    } catch (error) {
      this.wrong.textContent = this.language.text(error instanceof Unfit ? error.message : "check.unknown.other");
    } finally {
      this.button.disabled = false;
    }
  }

  private async verifyOnce(): Promise<void> {
    const { language, steps } = this;
    const text = this.text.value.trim();
    if (text === "") throw new Unfit("alone.none");
    const contract = this.published();
    const given = givenIn(text);
    const jwks = await this.keys();
    if ("promise" in given) {
      const of = { ...given.of, ...(contract === undefined ? {} : { contract }) };
      const claims = checkPromise(given.promise, jwks, of, steps, language);
      if (claims === undefined) return;
      fill(
        this.about,
        h("h2", {}, language.text("alone.record")),
        facts(
          [language.text("alone.issuer"), foreign(claims.iss)],
          [language.text("proof.sale"), code(claims.sub)],
          [
            language.text("receipt.title"),
            language.text("receipt.number", { number: String(claims.record_number), terminal: claims.terminal_id, store: claims.store_id }),
          ],
          [language.text("proof.hash"), code(claims.sale_hash)],
          [language.text("receipt.recorded"), language.second(claims.iat)],
          [language.text("alone.until"), language.second(claims.anchor_by)],
          [language.text("proof.contract"), claims.contract && code(`eip155:${claims.chain_id}:${claims.contract}`)],
        ),
      );
      return;
    }
    const entered = this.node.value.trim();
    const node = entered === "" ? undefined : nodeURL(entered);
    if (entered !== "" && node === undefined) throw new Unfit("check.node.wrong");
    const sale = saleOf(text);
    fill(
      this.about,
      sale && [
        h("h2", {}, language.text("alone.record")),
        facts(...sale.map(([name, value]): [string, HTMLElement] => [name, foreign(value)])),
      ],
    );
    await check(
      text,
      {
        node,
        ...(contract === undefined ? {} : { contract }),
        ...(jwks === undefined ? {} : { jwks }),
      },
      steps,
      language,
    );
  }

  // The contract that the shop published, undefined where none is named.
  private published(): string | undefined {
    const named = this.contract.value.trim();
    try {
      if (named !== "") parseContract(named);
    } catch {
      throw new Unfit("alone.contract.wrong");
    }
    return named === "" ? undefined : named;
  }

  // The shop's keys, undefined where none are named.
  private async keys(): Promise<JWKS | undefined> {
    const file = this.keysFile.files?.[0];
    const url = this.keysURL.value.trim();
    if (file === undefined && url === "") return undefined;
    try {
      return parseKeys(
        file === undefined
          ? await ask(url, { who: "the shop", timeoutMs: KEYS_TIMEOUT_MS, bytesMax: KEYS_BYTES_MAX })
          : file.size > KEYS_BYTES_MAX
            ? ""
            : await file.text(),
      );
    } catch {
      throw new Unfit("alone.keys.unread");
    }
  }
}

/** What was entered can't be used; the message is the key of a text. */
class Unfit extends Error {}

function field(id: string, props: Record<string, string>): HTMLInputElement {
  return h("input", { id, autocomplete: "off", spellcheck: "false", ...props });
}

// What a text is; one that cannot be read is taken for a proof, whose first step says why.
function givenIn(text: string): Given {
  try {
    return readText(text);
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return { proof: undefined };
  }
}

// The fields of a proof's record by their names, as it has them: they are what is verified.
function saleOf(text: string): [string, string][] | undefined {
  const sale = parsed(text)?.sale;
  if (typeof sale !== "object" || sale === null) return undefined;
  return Object.entries(sale).filter(
    (pair): pair is [string, string] => pair[0] !== "salt" && typeof pair[1] === "string" && pair[1] !== "",
  );
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value = parseProof(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return undefined;
  }
}

const main = document.getElementById("page");
if (main !== null) {
  const language = languageOf();
  present(language, language.text("alone.title"));
  new Verifier(language).show(main);
}
