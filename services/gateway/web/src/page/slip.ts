// The slip itself: whose shop, what was bought, what it came to and how it was paid.
import type { Line, Receipt, ReceiptRecord, Tender } from "./data.ts";
import { type Child, code, facts, foreign, h } from "./dom.ts";
import type { Language } from "./i18n.ts";
import { adds, discounts, paidWithPoints, taxes } from "./money.ts";

/** The shop above the slip; nothing where the shop says nothing of itself. */
export function shopHeader(receipt: Receipt, language: Language): Child {
  const { shop } = receipt;
  const of = h("header", { class: "shop" });
  if (shop.name) of.append(h("p", { class: "shop-name" }, foreign(shop.name)));
  if (shop.address?.length)
    of.append(
      h(
        "address",
        {},
        shop.address.map((line) => h("span", {}, foreign(line))),
      ),
    );
  const more: Child[] = [
    shop.phone && h("span", {}, foreign(shop.phone)),
    shop.tax_id && h("span", {}, `${language.text("receipt.taxId")}: `, foreign(shop.tax_id)),
    shop.website && h("a", { href: shop.website, rel: "noopener noreferrer" }, foreign(shop.website.replace(/^https?:\/\//, ""))),
  ];
  if (more.some(Boolean)) of.append(h("p", { class: "shop-more" }, more));
  return of.childElementCount > 0 && of;
}

/** The record as a slip. */
export function slip(receipt: Receipt, record: ReceiptRecord, language: Language): HTMLElement {
  const refund = record.kind === "refund";
  const amount = (decimal: string) => language.amount(decimal, record.currency, record.digits);
  const where = { number: String(record.record_number), terminal: record.terminal_id, store: record.store_id };
  return h(
    "section",
    { class: "slip", "aria-labelledby": "title" },
    h("h1", { id: "title" }, language.text(refund ? "receipt.title.refund" : "receipt.title")),
    h("p", { class: "total" }, amount(record.total)),
    h("p", { class: "where" }, language.text("receipt.number", where)),
    facts(
      [language.text("receipt.till"), tillTime(receipt, record, language)],
      [language.text("receipt.recorded"), moment(record.recorded_at, language)],
      [language.text("receipt.reference"), record.reference && foreign(record.reference)],
      refund && [language.text("receipt.refundOf"), record.refund_of ? code(record.refund_of) : language.text("receipt.refundOfNone")],
    ),
    record.offline === true && h("p", {}, language.text("receipt.offline")),
    lines(record, language, amount),
    totals(record, language, amount),
    points(record, language),
  );
}

// What the till's clock said or, where it said nothing, the time of record in the shop's time zone.
function tillTime(receipt: Receipt, record: ReceiptRecord, language: Language): Child {
  if (record.occurred_at !== undefined) {
    return h("time", { datetime: record.occurred_at }, language.tillTime(record.occurred_at) ?? record.occurred_at);
  }
  const zone = receipt.shop.time_zone;
  if (zone === undefined) return undefined;
  try {
    return h("time", { datetime: record.recorded_at }, `${language.time(new Date(record.recorded_at), zone)} (${zone})`);
  } catch {
    return undefined; // a browser that does not know the zone
  }
}

const moment = (time: string, language: Language): HTMLElement =>
  h("time", { datetime: time }, `${language.time(new Date(time), "UTC")} (UTC)`);

type Format = (decimal: string) => string;

function lines(record: ReceiptRecord, language: Language, amount: Format): HTMLElement {
  if (record.lines.length === 0) return h("p", { class: "quiet" }, language.text("lines.none"));
  const column = (key: string, props = {}) => h("th", { scope: "col", ...props }, language.text(key));
  return h(
    "table",
    { class: "lines" },
    h("caption", {}, language.text(record.kind === "refund" ? "lines.caption.refund" : "lines.caption")),
    h("thead", {}, h("tr", {}, column("lines.item"), column("lines.amount", { class: "amount" }))),
    h(
      "tbody",
      {},
      record.lines.map((line) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, what(line, language), details(line, language, amount)),
          h("td", { class: "amount" }, amount(adds(line, record.digits))),
        ),
      ),
    ),
  );
}

// A line's name and, unless it is an item's, what kind of line it is.
function what(line: Line, language: Language): Child {
  const type = line.type ?? "item";
  const key = `line.${type}`;
  const kind = language.has(key) ? language.text(key) : type;
  const name = line.name || line.sku;
  if (!name) return kind;
  return type === "item" ? foreign(name) : [foreign(name), ` (${kind})`];
}

function details(line: Line, language: Language, amount: Format): Child {
  const all: Child[] = [];
  if (line.quantity !== undefined && line.unit_price !== undefined) {
    const fraction = line.unit_price.split(".")[1]?.length ?? 0;
    const price = fraction > 3 ? language.number(line.unit_price) : amount(line.unit_price);
    all.push(language.text("lines.times", { quantity: language.number(line.quantity), price }));
  }
  if (line.discount !== undefined && /[1-9]/.test(line.discount))
    all.push(language.text("lines.discount", { amount: amount(line.discount) }));
  for (const tax of line.taxes ?? (line.tax === undefined ? [] : [{ amount: line.tax }])) {
    all.push([taxName(tax, language), " ", amount(tax.amount)]);
  }
  if (line.tax_included === true && all.length > 0) all.push(language.text("lines.tax.included"));
  return (
    all.length > 0 &&
    h(
      "span",
      { class: "details" },
      all.map((one) => h("span", {}, one)),
    )
  );
}

function taxName(tax: { name?: string; rate?: string }, language: Language): Child {
  const name = tax.name ? foreign(tax.name) : language.text("totals.tax.unnamed");
  return tax.rate ? [name, ` ${language.number(tax.rate)} %`] : name;
}

function totals(record: ReceiptRecord, language: Language, amount: Format): HTMLElement {
  const row = (name: Child, value: string, more: Child = "", cls = "") =>
    h("tr", { class: cls }, h("th", { scope: "row" }, name, more), h("td", { class: "amount" }, value));
  const redeemed = record.points?.redeemed ?? 0;
  const worth = record.kind === "sale" && redeemed > 0 ? paidWithPoints(record) : undefined;
  const off = discounts(record.lines, record.digits);
  return h(
    "table",
    { class: "totals" },
    h("caption", {}, language.text("totals.caption")),
    h(
      "tbody",
      {},
      off !== undefined && row(language.text("totals.discounts"), amount(off)),
      row(language.text("totals.total"), amount(record.total), "", "sum"),
      taxes(record.lines, record.digits).map((tax) => row(taxName(tax, language), amount(tax.amount), "", "quiet")),
      record.kind === "sale" &&
        redeemed > 0 &&
        row(
          language.text("totals.points", { count: language.number(String(redeemed)) }),
          worth === undefined ? language.text("totals.points.unknown") : amount(worth),
        ),
      record.tenders.map((tender) => row(paid(record, tender, language), amount(tender.amount), given(tender, language, amount))),
    ),
  );
}

function paid(record: ReceiptRecord, tender: Tender, language: Language): Child {
  const [before, after] = language.text(record.kind === "refund" ? "totals.paidBack" : "totals.paid").split("{type}");
  const key = `tender.${tender.type}`;
  return [before, language.has(key) ? language.text(key) : foreign(tender.type), after];
}

function given(tender: Tender, language: Language, amount: Format): Child {
  const all: Child[] = [];
  if (tender.tendered) all.push(language.text("totals.tendered", { amount: amount(tender.tendered) }));
  if (tender.change) all.push(language.text("totals.change", { amount: amount(tender.change) }));
  if (tender.reference) {
    const [before, after] = language.text("totals.reference").split("{reference}");
    all.push([before, foreign(tender.reference), after]);
  }
  return (
    all.length > 0 &&
    h(
      "span",
      { class: "details" },
      all.map((one) => h("span", {}, one)),
    )
  );
}

function points(record: ReceiptRecord, language: Language): Child {
  const p = record.points;
  if (p === undefined) return undefined;
  const refund = record.kind === "refund";
  const count = (n: number | undefined) => (n === undefined ? undefined : language.number(String(n)));
  return [
    h("h2", {}, language.text("points.title")),
    facts(
      [language.text(refund ? "points.taken" : "points.earned"), count(refund ? -p.earned : p.earned)],
      [language.text(refund ? "points.returned" : "points.redeemed"), count(refund ? -p.redeemed : p.redeemed)],
      [language.text("points.shortfall"), p.shortfall ? count(p.shortfall) : undefined],
      [language.text("points.balance"), count(p.balance)],
      [language.text("points.customer"), p.customer_id && foreign(p.customer_id)],
    ),
  ];
}
