import assert from "node:assert/strict";
import { test } from "node:test";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { AbiCoder, getAddress, Interface, id, TypedDataEncoder } from "ethers";
import { address, encode, encodeCall, topicOf, word } from "../src/verify/abi.ts";
import { keccakHex, toHex, utf8 } from "../src/verify/bytes.ts";
import { entry, hashSale, inclusionPath, leadsTo, leafHash, rootOf, type Sale, treeHead, weiFor } from "../src/verify/index.ts";
import { SALE_FIELDS, SALE_TYPE_HASH } from "../src/verify/sale.ts";
import { randomly, vectors } from "./testdata.ts";

const TYPES = { Sale: SALE_FIELDS.map(([name, type]) => ({ name, type })) };
const TEXTS = [
  "",
  "C-1001",
  "चाय ☕",
  "𝔘𝔫𝔦 👩‍👧",
  'a "quoted" \\ text',
  "\u0000\u007f\u0080\u07ff\u0800\uffff",
  "é",
  "e\u0301",
  "x".repeat(1000),
];

test("a sale's hash is the one of the vectors", () => {
  const { type_hash, vectors: sales } = vectors("sales");
  assert.equal(toHex(SALE_TYPE_HASH), type_hash);
  assert.ok(sales.length > 0);
  for (const { sale, request, sale_hash } of sales) {
    assert.equal(hashSale(sale), sale_hash);
    assert.equal(keccakHex(utf8(request)), sale.requestHash);
  }
});

test("a sale's hash is ethers'", () => {
  const { pick, hex, bits } = randomly(1);
  const make = {
    string: () => pick(TEXTS),
    bytes32: () => hex(32),
    uint64: () => String(pick([0n, 2n ** 64n - 1n, bits(64)])),
    int64: () => String(pick([0n, 2n ** 63n - 1n, -(2n ** 63n), -1n, bits(63), -bits(63)])),
  };
  for (let i = 0; i < 300; i++) {
    const sale = Object.fromEntries(SALE_FIELDS.map(([name, type]) => [name, make[type]()])) as Sale;
    assert.equal(hashSale(sale), TypedDataEncoder.hashStruct("Sale", TYPES, sale), JSON.stringify(sale));
  }
});

test("a sale that has no hash, or would have another's, is refused", () => {
  const { sale } = vectors("sales").vectors[0];
  for (const [name, values] of Object.entries({
    recordNumber: ["-1", "18446744073709551616", "", "01", "0x1", " 1", "1.0", undefined],
    pointsDelta: ["9223372036854775808", "-9223372036854775809", "-0", "+1"],
    salt: ["0x", `0x${"AB".repeat(32)}`, `0x${"ab".repeat(31)}`],
    customerId: ["\ud800", "\udc00x", undefined, 7],
  })) {
    for (const value of values) assert.throws(() => hashSale({ ...sale, [name]: value }), { name: "Invalid" }, `${name}: ${value}`);
  }
});

test("words, lists and calls are ethers'", () => {
  const { below, hex, bits } = randomly(2);
  const coder = AbiCoder.defaultAbiCoder();
  const signature = "verify(uint64,uint32,bytes32,uint256,bytes32[],bytes32[])";
  const verifier = new Interface([`function ${signature}`, "function logRoot()"]);
  const list = () => Array.from({ length: below(5) }, () => hex(32));
  for (let i = 0; i < 100; i++) {
    const values = [bits(64), bits(32), hex(32), bits(256), list(), list()];
    assert.equal(encodeCall(signature, values), verifier.encodeFunctionData("verify", values));
    const mixed = [list(), -bits(63), hex(20), list()];
    assert.equal(
      toHex(encode(["bytes32[]", "int64", "address", "bytes32[]"], mixed)),
      coder.encode(["bytes32[]", "int64", "address", "bytes32[]"], mixed),
    );
  }
  assert.equal(encodeCall("logRoot()"), verifier.encodeFunctionData("logRoot"));
  assert.equal(topicOf("BatchAnchored(uint64,bytes32,uint32)"), id("BatchAnchored(uint64,bytes32,uint32)"));
  for (const [type, value] of [
    ["uint32", 2n ** 32n],
    ["uint64", -1n],
    ["uint256", 2n ** 256n],
    ["int64", 2n ** 63n],
  ] as const) {
    assert.throws(() => coder.encode([type], [value]), type);
    assert.throws(() => word(type, value), { message: `a ${type} is out of range` });
  }
});

test("an address has the checksum of EIP-55", () => {
  const { hex } = randomly(3);
  for (let i = 0; i < 100; i++) {
    const sum = getAddress(hex(20));
    const body = sum.slice(2);
    for (const written of [sum, sum.toLowerCase(), `0x${body.toUpperCase()}`]) assert.equal(address(written), sum);
    const swapped = `0x${body.replace(/[a-z]/gi, (c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase()))}`;
    if (/[a-f]/.test(body) && /[A-F]/.test(body)) assert.throws(() => address(swapped), { message: "an address has a wrong checksum" });
  }
  for (const wrong of ["", "0x", "0x5e5a3e", `${"11".repeat(20)}`, `0X${"11".repeat(20)}`, `0x${"11".repeat(21)}`]) {
    assert.throws(() => address(wrong), { message: "an address is malformed" });
  }
});

test("a batch's tree is OpenZeppelin's, at each size", () => {
  const { hex, bits } = randomly(4);
  for (let size = 1; size <= 40; size++) {
    const sales = Array.from({ length: size }, (): [string, string] => [hex(32), String(bits(256))]);
    const tree = StandardMerkleTree.of(sales, ["bytes32", "uint256"]);
    for (const [i, sale] of sales.entries()) {
      const leaf = leafHash(...sale);
      assert.equal(leaf, tree.leafHash(sale));
      assert.equal(rootOf(leaf, tree.getProof(i)), tree.root);
      assert.notEqual(rootOf(leaf, [...tree.getProof(i), hex(32)]), tree.root);
    }
  }
});

test("a batch's tree is the one of the vectors", () => {
  const trees = vectors("trees").vectors;
  assert.ok(trees.length > 0);
  for (const { root, values, leaves, proofs } of trees) {
    for (const [i, proof] of Object.entries(proofs as Record<string, string[]>)) {
      const [saleHash, wei] = values[Number(i)];
      assert.equal(leafHash(saleHash, wei), leaves[Number(i)]);
      assert.equal(rootOf(leaves[Number(i)], proof), root);
    }
  }
});

test("the log is the one of the vectors", () => {
  const log = vectors("log");
  const batches = (log.batches as { batch_id: string; root: string; size: string }[]).map(({ batch_id: id, root, size }) => ({
    id,
    root,
    size,
  }));
  const entries = batches.map(entry);
  assert.deepEqual(entries, log.entries);
  assert.ok(log.inclusion.length > 0);
  for (const { batch_id, log_size, path } of log.inclusion) {
    assert.deepEqual(inclusionPath(Number(batch_id) - 1, entries.slice(0, Number(log_size))), path);
    const batch = batches[Number(batch_id) - 1];
    const inclusion = { size: log_size, root: log.roots[Number(log_size) - 1], path };
    assert.ok(batch && leadsTo(batch, inclusion));
    assert.ok(!leadsTo({ ...batch, size: String(Number(batch.size) + 1) }, inclusion));
  }
  log.roots.forEach((root: string, i: number) => {
    assert.equal(treeHead(entries.slice(0, i + 1)), root);
  });
  for (const m of [-1, entries.length, Number.NaN]) assert.throws(() => inclusionPath(m, entries), RangeError);
});

test("an amount is exact and rounded up", () => {
  const prices = vectors("pricing").vectors;
  assert.ok(prices.length > 0);
  for (const { total, rate, wei } of prices) assert.equal(String(weiFor(total, rate)), wei);
  const { below, bits } = randomly(5);
  const decimal = () => {
    const digits = below(20);
    const text = String(bits(90)).padStart(digits + 1, "0");
    return { units: BigInt(text), digits, text: digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}` };
  };
  for (let i = 0; i < 300; i++) {
    const [total, rate] = [decimal(), decimal()];
    if (rate.units === 0n) continue;
    const wei = weiFor(total.text, rate.text);
    // wei is the least integer w with w * rate >= total * 10^18.
    const wanted = total.units * 10n ** BigInt(18 + rate.digits);
    const priced = (w: bigint) => w * rate.units * 10n ** BigInt(total.digits);
    assert.ok(priced(wei) >= wanted && (wei === 0n || priced(wei - 1n) < wanted), `${total.text} at ${rate.text}`);
  }
  assert.throws(() => weiFor("1", "0.00"), { message: "the rate is zero" });
  for (const wrong of ["", "1.", ".5", "01", "-1", "1e3", " 1", "1_0", "9".repeat(78)])
    assert.throws(() => weiFor(wrong, "1"), { name: "Invalid" }, wrong);
});
