// Where the proof stands, in words and as four stages, and what it consists of.
import type { ProofState, Receipt, ReceiptRecord } from "./data.ts";
import { type Child, code, facts, h } from "./dom.ts";
import type { Language } from "./i18n.ts";

const STAGES = ["recorded", "batched", "mined", "final"] as const;

// How many of the stages are done in each state.
const DONE: Readonly<Record<string, number>> = { pending: 1, parked: 1, unknown: 1, batched: 2, broadcast: 2, mined: 3, final: 4 };

/** The stages, as a list of which the present one is marked. */
export function stages(state: ProofState, language: Language): HTMLElement {
  const done = DONE[state.status] ?? 1;
  return h(
    "ol",
    { class: "stages" },
    STAGES.map((stage, i) => {
      const is = i < done ? "done" : i === done ? "now" : "open";
      return h(
        "li",
        { class: is, ...(i === done - 1 ? { "aria-current": "step" } : {}) },
        h("span", {}, language.text(`proof.stage.${stage}`)),
        h("span", { class: "hidden" }, ` (${language.text(`proof.stage.${is}`)})`),
      );
    }),
  );
}

/** A state in a sentence. */
export function sentence(state: ProofState, language: Language): string {
  const key = `proof.${state.status}`;
  return language.text(language.has(key) ? key : "proof.unknown");
}

/** The facts of a proof, with links to the explorer. */
export function proofFacts(receipt: Receipt, record: ReceiptRecord, state: ProofState, language: Language): HTMLElement {
  const { chain } = receipt;
  const link = (kind: string, value: string | undefined, shown: Child): Child =>
    value && (chain.explorer ? h("a", { href: `${chain.explorer}/${kind}/${value}`, rel: "noopener noreferrer" }, shown) : shown);
  const named = chain.contract_name && language.text("proof.contract.name", { name: chain.contract_name });
  return facts(
    [language.text("proof.hash"), code(record.sale_hash)],
    [language.text("proof.sale"), code(receipt.sale_id)],
    [language.text("proof.record"), String(record.record_number)],
    [language.text("proof.previous"), code(record.previous_hash)],
    [language.text("proof.batch"), state.batch_id],
    [language.text("proof.transaction"), link("tx", state.tx_hash, code(state.tx_hash ?? ""))],
    [language.text("proof.block"), link("block", state.block_number, state.block_number)],
    [
      language.text("proof.contract"),
      [
        chain.contract
          ? link("address", chain.contract, code(`eip155:${chain.chain_id}:${chain.contract}`))
          : !named && language.text("proof.contract.none"),
        named && h("span", { class: "details" }, h("span", {}, named)),
      ],
    ],
  );
}
