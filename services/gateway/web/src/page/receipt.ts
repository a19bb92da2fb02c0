// The receipt's page. What it shows came with it; what it says about the proof it asks the gateway and the chain.
import { type Hex, type JWKS, type Proof, parseJSON, parseKeys } from "../verify/index.ts";
import { showAltered } from "./altered.ts";
import type { ProofState, Receipt, ReceiptRecord } from "./data.ts";
import { fill, h } from "./dom.ts";
import { Follower } from "./follow.ts";
import { ask, codeOf } from "./gateway.ts";
import type { Language } from "./i18n.ts";
import { languageMenu } from "./language.ts";
import { addressFor, ownNode } from "./node.ts";
import { nodeForm } from "./nodeform.ts";
import { deadline, save } from "./promise.ts";
import { qr } from "./qr.ts";
import { differs } from "./shown.ts";
import { shopHeader, slip } from "./slip.ts";
import { proofFacts, sentence, stages } from "./state.ts";
import { limits, Steps } from "./steps.ts";
import { check, checkPromise } from "./verdict.ts";

const BUSY = 429;
const MINED = new Set(["mined", "final"]);

const storage = (): Storage | undefined => {
  try {
    return window.sessionStorage;
  } catch {
    return undefined; // a browser that keeps nothing
  }
};

const withoutNode = (address: string): string => {
  const url = new URL(address);
  url.searchParams.delete("node");
  url.hash = "";
  return url.href;
};

/** The page of an intact record. */
export class Page {
  private readonly receipt: Receipt;
  private readonly record: ReceiptRecord;
  private readonly language: Language;
  private readonly follower: Follower;
  private readonly steps: Steps;
  private readonly state = h("div", { class: "state" });
  private readonly said = h("p", { role: "status", class: "sentence" });
  private readonly note = h("p", { class: "quiet" });
  private readonly facts = h("div", {});
  private readonly downloads = h("div", { class: "downloads" });
  private readonly button = h("button", { type: "button", class: "main", onclick: () => void this.verify() });
  private readonly waiting = h("div", {});
  private node: string | undefined;
  private waits = false;
  private away = false;
  private busy = false;

  constructor(receipt: Receipt, record: ReceiptRecord, language: Language) {
    this.receipt = receipt;
    this.record = record;
    this.language = language;
    this.steps = new Steps(language);
    this.node = ownNode(location.href, storage()) ?? receipt.chain.rpc;
    this.follower = new Follower(
      receipt.proof,
      {
        ask: () => this.status(),
        after: (ms, run) => {
          const timer = setTimeout(run, ms);
          return () => clearTimeout(timer);
        },
        random: Math.random,
      },
      (state, away) => this.moved(state, away),
    );
  }

  show(main: HTMLElement): void {
    const { language, receipt, record } = this;
    this.button.textContent = language.text("check.run");
    fill(
      main,
      shopHeader(receipt, language),
      slip(receipt, record, language),
      h(
        "section",
        { class: "proof", "aria-labelledby": "proof-title", id: "proof" },
        h("h2", { id: "proof-title" }, language.text("proof.title")),
        this.state,
        this.said,
        this.note,
        this.facts,
        this.downloads,
      ),
      h(
        "section",
        { class: "verify noprint", "aria-labelledby": "verify-title", id: "verify", tabindex: "-1" },
        h("h2", { id: "verify-title" }, language.text("check.title")),
        h("p", {}, language.text("check.what")),
        this.nodeForm(),
        h("p", { class: "actions" }, this.button),
        this.steps.element,
        this.waiting,
        limits(language),
      ),
      h(
        "figure",
        { class: "address" },
        qr(withoutNode(location.href), language.text("proof.qr")),
        h("figcaption", {}, language.text("proof.qr")),
      ),
      languageMenu(language),
    );
    this.moved(receipt.proof, false);
    document.addEventListener("visibilitychange", () => (document.hidden ? this.follower.pause() : this.follower.resume()));
    if (!document.hidden && receipt.proof.status !== "final") this.follower.begin();
    if (location.hash === "#verify" && ownNode(location.href, storage()) !== undefined) {
      document.getElementById("verify")?.focus();
      void this.verify();
    }
  }

  private async status(): Promise<ProofState> {
    const response = await ask(this.path("/status"));
    if (response.status === BUSY) return this.follower.state; // and it is asked again, later
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return (await response.json()) as ProofState;
  }

  private path(call: string): string {
    const token = new URL(location.href).searchParams.get("t") ?? "";
    return `/receipts/${this.receipt.sale_id}${call}?t=${encodeURIComponent(token)}`;
  }

  // Shows a state. What is told already is not told again: a screen reader would read it each time.
  private moved(state: ProofState, away: boolean): void {
    const { language } = this;
    if (state.status === "altered") {
      this.follower.pause();
      const main = document.getElementById("page");
      if (main !== null) showAltered(main, { ...this.receipt, proof: state }, language, this.record.promise);
      return;
    }
    fill(this.state, stages(state, language));
    const text = sentence(state, language);
    if (this.said.textContent !== text) this.said.textContent = text;
    this.away = away;
    fill(this.note, this.noteOf(state));
    fill(this.facts, proofFacts(this.receipt, this.record, state, language));
    this.offerDownloads(MINED.has(state.status));
    if (this.waits && MINED.has(state.status)) {
      this.waits = false;
      fill(this.waiting);
      void this.verify();
    }
  }

  private noteOf(state: ProofState): string {
    const { language } = this;
    if (this.away) return language.text("proof.away");
    if (state.status === "final") return "";
    const by = deadline(this.record.promise);
    if (by === undefined || MINED.has(state.status)) return language.text("proof.following");
    const key = by * 1000 < Date.now() ? "proof.overdue" : "proof.deadline";
    return `${language.text(key, { time: language.second(by) })} ${language.text("proof.following")}`;
  }

  private offerDownloads(proof: boolean): void {
    const { language, record } = this;
    if (this.downloads.dataset.proof === String(proof)) return;
    this.downloads.dataset.proof = String(proof);
    const { promise } = record;
    fill(
      this.downloads,
      proof && [
        h(
          "p",
          {},
          h(
            "a",
            { class: "button", href: this.path("/proof"), download: `proof-${this.receipt.sale_id}.json` },
            language.text("proof.download"),
          ),
        ),
        h("p", { class: "quiet" }, language.text("proof.download.warning")),
      ],
      promise && [
        h(
          "p",
          { class: "noprint" },
          h("button", { type: "button", onclick: () => save(promise, this.receipt.sale_id) }, language.text("proof.promise")),
        ),
        h("p", { class: "quiet noprint" }, language.text("proof.promise.what")),
      ],
      h("p", { class: "noprint" }, h("button", { type: "button", onclick: () => window.print() }, language.text("proof.print"))),
    );
  }

  private nodeForm(): HTMLElement {
    const { language, receipt } = this;
    return nodeForm(this.node, language, (entered) => {
      const elsewhere = addressFor(location.href, storage(), entered, receipt.chain.rpc);
      if (elsewhere !== undefined) {
        location.assign(elsewhere);
        return;
      }
      this.node = entered;
      void this.verify();
    });
  }

  private async verify(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.button.disabled = true;
    fill(this.waiting);
    try {
      await this.verifyOnce();
    } catch {
      this.steps.say("unsure", this.language.text("check.unknown.other"));
    } finally {
      this.busy = false;
      this.button.disabled = false;
      this.button.textContent = this.language.text("check.again");
    }
  }

  private async verifyOnce(): Promise<void> {
    const { language, steps } = this;
    steps.begin([]);
    let answer: Response;
    let text: string;
    const keys = ask("/.well-known/jwks.json").then(async (found) => parseKeys(await found.text()));
    const jwks = await keys.catch(() => undefined); // without them the promise's signature alone is not checked
    try {
      answer = await ask(this.path("/proof"));
      text = await answer.text();
    } catch {
      steps.say("unsure", language.text("check.unknown.shop"));
      return;
    }
    if (answer.ok) {
      const valid = await check(
        text,
        {
          node: this.node,
          ...this.published(),
          ...(jwks === undefined ? {} : { jwks }),
          log: location.origin,
          differs: (proof) => this.differs(proof),
        },
        steps,
        language,
      );
      if (valid === true) this.follower.resume(); // what stands above may be of before
      return;
    }
    switch (codeOf(text)) {
      case "RECORD_ALTERED":
        this.moved(await this.status().catch(() => ({ status: "altered" })), false);
        return;
      case "NOT_ANCHORED_YET":
      case "PARKED":
        this.checkPromise(jwks);
        return;
      default:
        steps.say("unsure", language.text("check.unknown.shop"));
    }
  }

  // The contract that the shop published, if it published one.
  private published(): { contract?: string } {
    const { chain_id, contract } = this.receipt.chain;
    return contract === undefined ? {} : { contract: `eip155:${chain_id}:${contract}` };
  }

  private differs(proof: unknown): string | undefined {
    const of = proof as Proof;
    let request: unknown;
    try {
      const bytes = Uint8Array.from(atob(of.request), (char) => char.charCodeAt(0));
      request = parseJSON(new TextDecoder("utf-8", { fatal: true }).decode(bytes), { anyNames: true });
    } catch {
      return undefined; // then it is not what was hashed, which is a step of its own
    }
    return differs(this.receipt.sale_id, this.record, of, request);
  }

  private checkPromise(jwks: JWKS | undefined): void {
    const { language, record, steps } = this;
    if (record.promise === undefined) {
      steps.say("unsure", language.text("check.noPromise"));
    } else {
      const { store_id, terminal_id, record_number, sale_hash } = record;
      checkPromise(
        record.promise,
        jwks,
        { sale_id: this.receipt.sale_id, sale_hash: sale_hash as Hex, store_id, terminal_id, record_number, ...this.published() },
        steps,
        language,
      );
    }
    const wait = () => {
      this.waits = true;
      fill(this.waiting, h("p", { role: "status" }, language.text("check.waiting")));
      this.follower.resume();
    };
    fill(this.waiting, h("p", {}, h("button", { type: "button", onclick: wait }, language.text("check.wait"))));
  }
}
