// Texts, amounts and times in the shopper's language. Another language is another file in locale/.

export type Texts = Readonly<Record<string, string>>;
export type Locales = Readonly<Record<string, Texts>>;

const FALLBACK = "en";

/** Which of the languages that there are comes first among those that the shopper reads (BCP 47 tags). */
export function choose(wanted: readonly string[], there: readonly string[]): string {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split("-")[0] ?? "";
    const found = there.find((one) => one.toLowerCase() === tag.toLowerCase()) ?? there.find((one) => one.toLowerCase() === language);
    if (found !== undefined) return found;
  }
  return FALLBACK;
}

export class Language {
  readonly tag: string; // of the texts
  private readonly texts: Texts;
  private readonly fallback: Texts;
  private readonly formats: string; // of amounts and times: the shopper's own region where it is of this language

  constructor(locales: Locales, wanted: readonly string[]) {
    this.tag = choose(wanted, Object.keys(locales));
    this.texts = locales[this.tag] ?? {};
    this.fallback = locales[FALLBACK] ?? {};
    const own = wanted.find((tag) => tag.toLowerCase().split("-")[0] === this.tag.split("-")[0]);
    this.formats = Intl.NumberFormat.supportedLocalesOf(own === undefined ? [] : [own])[0] ?? this.tag;
  }

  /** A text, its {places} filled. */
  text(key: string, values: Readonly<Record<string, string>> = {}): string {
    const text = this.texts[key] ?? this.fallback[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  }

  /** Whether there is such a text. */
  has(key: string): boolean {
    return key in this.texts || key in this.fallback;
  }

  get direction(): string {
    return this.text("direction");
  }

  /** An amount, such as "1249.50", with its currency. Decimal text is formatted exactly (ECMA-402, section 15.5.16). */
  amount(decimal: string, currency: string, digits: number): string {
    const options: Intl.NumberFormatOptions = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
    try {
      return new Intl.NumberFormat(this.formats, options).format(decimal as Intl.StringNumericLiteral);
    } catch {
      return `${decimal} ${currency}`;
    }
  }

  /** A number as it was sent, such as a quantity or a rate, with all its digits. */
  number(decimal: string): string {
    const digits = decimal.split(".")[1]?.length ?? 0;
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return new Intl.NumberFormat(this.formats, options).format(decimal as Intl.StringNumericLiteral);
  }

  /** A moment in a time zone of the IANA database, "" being the browser's. */
  time(moment: Date, zone: string): string {
    const options: Intl.DateTimeFormatOptions = {
      dateStyle: "medium",
      timeStyle: "medium",
      ...(zone === "" ? {} : { timeZone: zone }),
    };
    return new Intl.DateTimeFormat(this.formats, options).format(moment);
  }

  /** A time in Unix seconds, in UTC; the number itself where no calendar has it. */
  second(seconds: number | bigint): string {
    const at = new Date(Number(seconds) * 1000);
    return Number.isNaN(at.getTime()) ? String(seconds) : `${this.time(at, "UTC")} (UTC)`;
  }

  /**
   * What a till's clock showed, from RFC 3339 with its offset, and the offset: the till's own time, wherever the shopper is.
   * undefined where it is no such time.
   */
  tillTime(text: string): string | undefined {
    const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)$/i.exec(text);
    const wall = new Date(`${parts?.[1]}Z`); // read as if it were UTC, and written as UTC: no rule of a time zone comes in
    if (parts === null || Number.isNaN(wall.getTime())) return undefined;
    const offset = parts[2]?.toUpperCase() === "Z" ? "UTC" : `UTC${parts[2]}`;
    return `${this.time(wall, "UTC")} (${offset})`;
  }
}
