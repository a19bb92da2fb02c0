import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReceiptRecord } from "../src/page/data.ts";
import { differs, microseconds } from "../src/page/shown.ts";

const ID = "01a1f94f-e264-7599-97ba-9d8ea7e314e5";
const HASH = `0x${"11".repeat(32)}`;

const REQUEST = {
  currency: "INR",
  total: "1249.5",
  customer_id: "C-1001",
  redeem_points: 200,
  occurred_at: "2026-11-22T10:15:30+05:30",
  external_ref: "INV-1",
  offline: true,
  note: "not shown",
  lines: [
    { name: "Assam tea", quantity: "2", unit_price: "624.75", tax_included: true, taxes: [{ name: "CGST", rate: "9", amount: "95.30" }] },
    { type: "rounding", amount: "0.00", tax_included: false },
  ],
  tenders: [{ type: "cash", amount: "1199.50", tendered: "1200.00", change: "0.50" }],
};

const shown = (): ReceiptRecord => ({
  kind: "sale",
  store_id: "s1",
  terminal_id: "t1",
  record_number: 1042,
  previous_hash: `0x${"06".repeat(32)}`,
  sale_hash: HASH,
  promise: "a.b.c",
  recorded_at: "2026-11-22T04:45:31.123456Z",
  occurred_at: REQUEST.occurred_at,
  offline: true,
  currency: "INR",
  digits: 2,
  total: "1249.50",
  reference: "INV-1",
  lines: [structuredClone(REQUEST.lines[0] ?? {}), { type: "rounding", amount: "0.00" }],
  tenders: structuredClone(REQUEST.tenders),
  points: { earned: 119, redeemed: 200 },
});

const proof = () => ({
  sale: {
    saleId: ID,
    kind: "sale",
    refundOf: "",
    storeId: "s1",
    terminalId: "t1",
    recordNumber: "1042",
    previousHash: `0x${"06".repeat(32)}`,
    customerId: "C-1001",
    currency: "INR",
    total: "1249.50",
    pointsDelta: "-81",
    pointsBalance: "143",
    recordedAt: "1795322731123456",
  },
  sale_hash: HASH,
  promise: "a.b.c",
});

test("a page that shows what is proved differs in nothing", () => {
  assert.equal(differs(ID, shown(), proof(), REQUEST), undefined);
  const more = shown();
  more.points = { earned: 119, redeemed: 200, balance: 143, customer_id: "C-1001" };
  assert.equal(differs(ID, more, proof(), REQUEST), undefined);
});

test("whatever is shown otherwise than it is proved is named", () => {
  const changes: [string, (r: ReceiptRecord) => unknown][] = [
    [
      "kind",
      (r) => {
        r.kind = "refund";
      },
    ],
    [
      "refunded sale",
      (r) => {
        r.refund_of = ID;
      },
    ],
    [
      "store",
      (r) => {
        r.store_id = "s2";
      },
    ],
    [
      "till",
      (r) => {
        r.terminal_id = "t2";
      },
    ],
    [
      "record number",
      (r) => {
        r.record_number = 1041;
      },
    ],
    [
      "previous hash",
      (r) => {
        r.previous_hash = HASH;
      },
    ],
    [
      "currency",
      (r) => {
        r.currency = "USD";
      },
    ],
    [
      "total",
      (r) => {
        r.total = "1249.51";
      },
    ],
    [
      "time",
      (r) => {
        r.recorded_at = "2026-11-22T04:45:31.123457Z";
      },
    ],
    [
      "points",
      (r) => {
        r.points = { earned: 120, redeemed: 200 };
      },
    ],
    [
      "points",
      (r) => {
        delete r.points;
      },
    ],
    [
      "points redeemed",
      (r) => {
        r.points = { earned: 120, redeemed: 201 };
      },
    ],
    [
      "balance",
      (r) => {
        r.points = { earned: 119, redeemed: 200, balance: 144 };
      },
    ],
    [
      "customer",
      (r) => {
        r.points = { earned: 119, redeemed: 200, customer_id: "C-1002" };
      },
    ],
    [
      "sale’s hash",
      (r) => {
        r.sale_hash = `0x${"12".repeat(32)}`;
      },
    ],
    [
      "promise",
      (r) => {
        r.promise = "a.b.d";
      },
    ],
    [
      "promise",
      (r) => {
        delete r.promise;
      },
    ],
    [
      "till’s time",
      (r) => {
        r.occurred_at = "2026-11-22T10:15:31+05:30";
      },
    ],
    [
      "reference",
      (r) => {
        delete r.reference;
      },
    ],
    [
      "offline",
      (r) => {
        delete r.offline;
      },
    ],
    [
      "lines",
      (r) => {
        r.lines = [];
      },
    ],
    [
      "lines",
      (r) => {
        r.lines.reverse();
      },
    ],
    [
      "lines",
      (r) => {
        Object.assign(r.lines[0] ?? {}, { name: "Darjeeling" });
      },
    ],
    [
      "lines",
      (r) => {
        Object.assign(r.lines[0]?.taxes?.[0] ?? {}, { rate: "18" });
      },
    ],
    [
      "lines",
      (r) => {
        Object.assign(r.lines[0] ?? {}, { taxes: [] });
      },
    ],
    [
      "payment",
      (r) => {
        Object.assign(r.tenders[0] ?? {}, { change: "0.51" });
      },
    ],
    [
      "payment",
      (r) => {
        r.tenders.push({ type: "card", amount: "1" });
      },
    ],
  ];
  for (const [name, change] of changes) {
    const r = shown();
    change(r);
    assert.equal(differs(ID, r, proof(), REQUEST), name, `${change}`);
  }
  assert.equal(differs(`${ID}0`, shown(), proof(), REQUEST), "sale");
});

test("a time of record is exact to the microsecond", () => {
  assert.equal(microseconds("2026-11-22T04:45:31.123456Z"), "1795322731123456");
  assert.equal(microseconds("2026-11-22T04:45:31Z"), "1795322731000000");
  assert.equal(microseconds("2026-11-22T04:45:31.1Z"), "1795322731100000");
  assert.equal(microseconds("2026-11-22T04:45:31+05:30"), "");
});
