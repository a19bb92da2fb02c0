// What is read must mean the same to everybody.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64, fromBase64URL, fromUTF8, toBase64URL, utf8 } from "../src/verify/bytes.ts";
import { parseJSON, parseProof } from "../src/verify/index.ts";
import { randomly } from "./testdata.ts";

test("JSON is parsed as ever", () => {
  for (const text of [
    "null",
    " [1, -2.5e3, true, null, {}] ",
    '{"a":{"b":"x","c":["a","a"]},"b":{"b":"x"}}',
    '{"a":"{\\"a\\":1,\\"a\\":2}","b":"\\\\","c":"\\u00e9\\ud83d\\ude00"}',
    '{"":"","a\\"":":","constructor":{"prototype":1}}',
    '{"a":":","b" : [ "a" , "b" ] }',
    "[".repeat(16) + "]".repeat(16),
  ]) {
    assert.deepEqual(parseJSON(text), JSON.parse(text), text);
  }
});

test("a member that is there twice is refused at any depth, however it is written", () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":3}',
    '{"total":1,"tot\\u0061l":2}',
    '{"tot\\u0061l":1,"total":2}',
    '{"":1,"":2}',
    '{"a":{"b":[{"c":1,"d":{},"c":2}]}}',
    '[{"x":"}","x":1}]',
    '{"x":"\\"","x":1}',
    '{"x" \t\r\n:1,"x"\n:2}',
    '{"x\\/":1,"x/":2}',
  ]) {
    assert.throws(() => parseJSON(text), { name: "Invalid", message: "a member is repeated" }, text);
  }
});

test("what is no JSON, or is read differently, is refused", () => {
  for (const text of ["", "{", "{a:1}", "'a'", "[1,]", '{"a":1}}', "\ufeff{}", "NaN", "01", '"\n"', "{}//"]) {
    assert.throws(() => parseJSON(text), { message: "not JSON" }, text);
  }
  for (const text of ['"\\ud800"', '{"\\udc00":1}', '"\\ude00\\ud83d"', '["\ud800"]']) {
    assert.throws(() => parseJSON(text), { message: "a text has a lone surrogate" }, text);
  }
  for (const text of ['{"__proto__":{"sale":1}}', '[{"\\u005f_proto__":1}]']) {
    assert.throws(() => parseJSON(text), { message: "a member is called __proto__" }, text);
    assert.deepEqual(parseJSON(text, { anyNames: true }), JSON.parse(text));
  }
  assert.throws(() => parseJSON("[".repeat(17) + "]".repeat(17)), { message: "nested more than 16 deep" });
  const long = `{"a":"${"x".repeat(1 << 22)}","b":${"[".repeat(9)}${"]".repeat(9)}}`;
  assert.doesNotThrow(() => parseJSON(long));
});

test("a proof's errors say what is wrong with it", () => {
  assert.throws(() => parseProof("{"), { name: "Invalid", message: "the proof cannot be read (not JSON)" });
  assert.throws(() => parseProof('{"a":1,"\\u0061":2}'), { message: "the proof cannot be read (a member is repeated)" });
});

test("base64 is read in its one form alone", () => {
  const { below } = randomly(6);
  for (let length = 0; length < 100; length++) {
    const bytes = Buffer.from(Array.from({ length }, () => below(256)));
    assert.deepEqual(fromBase64(bytes.toString("base64")), Uint8Array.from(bytes));
    assert.deepEqual(fromBase64URL(bytes.toString("base64url")), Uint8Array.from(bytes));
    assert.equal(toBase64URL(bytes), bytes.toString("base64url"));
  }
  for (const wrong of [
    "A",
    "AA",
    "AAA",
    "AAAA=",
    "AB==",
    "AAB=",
    "AA=A",
    "A===",
    "====",
    "AA==\n",
    " AA==",
    "AA-_",
    "AA==AA==",
    "A\u0410==",
  ]) {
    assert.equal(fromBase64(wrong), undefined, wrong);
  }
  for (const wrong of ["A", "AB", "AAB", "AA==", "AA+/", "AA\n", "AAAAA", "AA=="]) assert.equal(fromBase64URL(wrong), undefined, wrong);
});

test("a text is read and written as UTF-8 and nothing else", () => {
  assert.equal(fromUTF8(utf8("चाय ☕ 😀")), "चाय ☕ 😀");
  assert.equal(fromUTF8(Uint8Array.of(0xef, 0xbb, 0xbf)), "\ufeff");
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x98]])
    assert.throws(() => fromUTF8(Uint8Array.from(bytes)), { name: "Invalid" });
  assert.throws(() => utf8("\ud83d"), { name: "Invalid" });
});
