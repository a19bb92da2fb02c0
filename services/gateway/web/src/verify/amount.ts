// Totals, rates and wei, exact: decimals such as "1249.50".
import { must } from "./errors.ts";

/** A decimal without a sign. Nothing that is counted or paid needs more than 77 digits on a side. */
export const DECIMAL = /^(0|[1-9][0-9]{0,76})(\.[0-9]{1,77})?$/;

/** A decimal as an integer of its smallest digit. */
export function scaled(decimal: string): { units: bigint; digits: bigint } {
  must(DECIMAL.test(decimal), "a decimal is malformed");
  const [whole = "", fraction = ""] = decimal.split(".");
  return { units: BigInt(whole + fraction), digits: BigInt(fraction.length) };
}

/** The wei that a total is worth: ceil(total * 10^18 / rate), exact; the rate is the currency's for one ETH. */
export function weiFor(total: string, rate: string): bigint {
  const t = scaled(total);
  const r = scaled(rate);
  must(r.units > 0n, "the rate is zero");
  const numerator = t.units * 10n ** 18n * 10n ** r.digits;
  const denominator = r.units * 10n ** t.digits;
  return (numerator + denominator - 1n) / denominator;
}

/** Whether two decimals are the same number. */
export function sameDecimal(a: unknown, b: string): boolean {
  if (typeof a !== "string" || !DECIMAL.test(a)) return false;
  const [x, y] = [scaled(a), scaled(b)];
  return x.units * 10n ** y.digits === y.units * 10n ** x.digits;
}
