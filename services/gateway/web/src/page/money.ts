// What a slip comes to, exact, from what the till sent: so that what is shown is what is proved, and nothing that the server added up.
import type { Line, ReceiptRecord, Tax } from "./data.ts";

/** A decimal: units / 10^digits. */
interface Decimal {
  units: bigint;
  digits: number;
}

const ZERO: Decimal = { units: 0n, digits: 0 };

function parse(text: string | undefined): Decimal {
  const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text ?? "");
  if (parts === null) return ZERO;
  const units = BigInt(`${parts[2]}${parts[3] ?? ""}`);
  return { units: parts[1] === "-" ? -units : units, digits: parts[3]?.length ?? 0 };
}

function add(a: Decimal, b: Decimal): Decimal {
  const digits = Math.max(a.digits, b.digits);
  return { units: scale(a, digits) + scale(b, digits), digits };
}

const negative = (a: Decimal): Decimal => ({ ...a, units: -a.units });
const times = (a: Decimal, b: Decimal): Decimal => ({ units: a.units * b.units, digits: a.digits + b.digits });
const scale = (a: Decimal, digits: number): bigint => a.units * 10n ** BigInt(digits - a.digits);

/** In the currency's digits, halves rounded away from zero. */
function format(a: Decimal, digits: number): string {
  let units = a.units;
  if (a.digits > digits) {
    const divisor = 10n ** BigInt(a.digits - digits);
    const half = divisor / 2n;
    units = units < 0n ? -((-units + half) / divisor) : (units + half) / divisor;
  } else {
    units = scale(a, digits);
  }
  const sign = units < 0n ? "-" : "";
  const text = (units < 0n ? -units : units).toString().padStart(digits + 1, "0");
  return digits === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

const taxesOf = (line: Line): Tax[] => line.taxes ?? (line.tax === undefined ? [] : [{ amount: line.tax }]);

/** What a line adds to the total: its amount or, without one, quantity x unit_price - discount, and its taxes unless they are included. */
export function adds(line: Line, digits: number): string {
  if (line.amount !== undefined) return format(parse(line.amount), digits);
  let sum = add(times(parse(line.quantity), parse(line.unit_price)), negative(parse(line.discount)));
  if (line.tax_included !== true) for (const tax of taxesOf(line)) sum = add(sum, parse(tax.amount));
  // A discount of all of a price that had been rounded up leaves nothing, and neither does a return's.
  const sign = line.type === "return" || line.type === "discount" ? -1n : 1n;
  if (line.type !== "rounding" && sum.units * sign < 0n) sum = ZERO;
  return format(sum, digits);
}

/** The lines' taxes by name and rate, in order of both. */
export function taxes(lines: readonly Line[], digits: number): Tax[] {
  const all = new Map<string, { name: string; rate: string; sum: Decimal }>();
  for (const tax of lines.flatMap(taxesOf)) {
    const [name, rate] = [tax.name ?? "", trimmed(tax.rate ?? "")];
    const key = `${name}\n${rate}`;
    const sum = add(all.get(key)?.sum ?? ZERO, parse(tax.amount));
    all.set(key, { name, rate, sum });
  }
  return [...all.keys()].sort().flatMap((key) => {
    const of = all.get(key);
    return of === undefined ? [] : [{ name: of.name, rate: of.rate, amount: format(of.sum, digits) }];
  });
}

/** 9 and 9.00 are the same rate. */
const trimmed = (rate: string): string => (rate.includes(".") ? rate.replace(/\.?0+$/, "") : rate);

/** All discounts of a slip, on lines and as lines of their own; positive. undefined where there is none. */
export function discounts(lines: readonly Line[], digits: number): string | undefined {
  let sum = ZERO;
  for (const line of lines) {
    sum = add(sum, parse(line.discount));
    if (line.type === "discount") sum = add(sum, negative(parse(adds(line, digits))));
  }
  return sum.units === 0n ? undefined : format(sum, digits);
}

/** What the tenders leave of a total, which is what points paid; undefined where the till sent no tenders. */
export function paidWithPoints(record: ReceiptRecord): string | undefined {
  if (record.tenders.length === 0) return record.points?.worth;
  const paid = record.tenders.reduce((sum, tender) => add(sum, parse(tender.amount)), ZERO);
  return format(add(parse(record.total), negative(paid)), record.digits);
}
