import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { choose, Language, type Texts } from "../src/page/i18n.ts";
import { STEPS } from "../src/verify/index.ts";

const folder = new URL("../locale/", import.meta.url);
const locales = Object.fromEntries(
  readdirSync(folder).map((file): [string, Texts] => [file.replace(".json", ""), JSON.parse(readFileSync(new URL(file, folder), "utf8"))]),
);
const english = locales.en ?? {};
const places = (text: string | undefined) => (text?.match(/\{\w+\}/g) ?? []).sort();

test("every language has every text, with the same places in it", () => {
  assert.deepEqual(Object.keys(locales).sort(), ["en", "hi"]);
  for (const [tag, texts] of Object.entries(locales)) {
    assert.deepEqual(Object.keys(texts).sort(), Object.keys(english).sort(), tag);
    for (const [key, text] of Object.entries(texts)) assert.deepEqual(places(text), places(english[key]), `${tag} ${key}`);
  }
});

test("each step of a verification has a name and what it means that it fails", () => {
  for (const step of [...STEPS, "shown"]) {
    assert.ok(`step.${step}` in english, step);
    assert.ok(`fails.${step}` in english, step);
  }
});

test("no text is without use", () => {
  const sources = new URL("../src/page/", import.meta.url);
  const code = readdirSync(sources)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(new URL(file, sources), "utf8"))
    .join("\n");
  const computed =
    /^(direction|language|(line|tender|proof\.stage|check\.state|check\.cannot|step|fails|refused)\..+|proof\.(pending|parked|batched|broadcast|mined|final))$/;
  for (const key of Object.keys(english)) assert.ok(computed.test(key) || code.includes(`"${key}"`), key);
});

test("the first language that the shopper reads and that there is, is chosen", () => {
  const there = ["en", "hi", "pt-BR"];
  assert.equal(choose(["hi-IN", "en"], there), "hi");
  assert.equal(choose(["ta-IN", "HI"], there), "hi");
  assert.equal(choose(["pt-br"], there), "pt-BR");
  assert.equal(choose(["ta"], there), "en");
  assert.equal(choose([], there), "en");
});

test("amounts are exact and as the shopper's region writes them", () => {
  const text = (wanted: string[], ...of: [string, string, number]) =>
    new Language(locales, wanted).amount(...of).replaceAll(/[\u00a0\u202f]/g, " ");
  assert.equal(text(["en-IN"], "1234567.50", "INR", 2), "₹12,34,567.50");
  assert.equal(text(["en-US"], "1234567.5", "INR", 2), "₹1,234,567.50");
  assert.equal(text(["hi-IN"], "-40.00", "INR", 2), "-₹40.00");
  assert.equal(text(["en"], "999999999999999.999", "KWD", 3), "KWD 999,999,999,999,999.999");
  assert.equal(text(["en"], "472150", "JPY", 0), "¥472,150");
  assert.equal(text(["en"], "1.00", "not one", 2), "1.00 not one");
});

test("a number keeps the digits that it was sent with", () => {
  const language = new Language(locales, ["en-IN"]);
  assert.equal(language.number("0.250"), "0.250");
  assert.equal(language.number("100000"), "1,00,000");
  assert.equal(language.number("0.123456789"), "0.123456789");
});

test("the till's time is what its clock showed, wherever the shopper is", () => {
  const language = new Language(locales, ["en-GB"]);
  assert.equal(language.tillTime("2026-11-22T10:15:30+05:30"), "22 Nov 2026, 10:15:30 (UTC+05:30)");
  assert.equal(language.tillTime("2026-11-22T23:59:59.999Z"), "22 Nov 2026, 23:59:59 (UTC)");
  assert.equal(language.tillTime("2026-03-29t02:30:00-00:30"), "29 Mar 2026, 02:30:00 (UTC-00:30)");
  assert.equal(language.tillTime("yesterday"), undefined);
  assert.equal(language.time(new Date("2026-11-22T04:45:31Z"), "Asia/Kolkata"), "22 Nov 2026, 10:15:31");
});

test("a text without a translation is shown in English", () => {
  const language = new Language({ en: { a: "one {n}", direction: "ltr" }, xx: { direction: "rtl" } }, ["xx"]);
  assert.equal(language.text("a", { n: "1" }), "one 1");
  assert.equal(language.direction, "rtl");
  assert.equal(language.text("a"), "one {n}");
  assert.equal(language.text("none"), "none");
});
