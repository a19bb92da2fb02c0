import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line, ReceiptRecord } from "../src/page/data.ts";
import { adds, discounts, paidWithPoints, taxes } from "../src/page/money.ts";

// As shared/slip has it, whose test has the same table.
const LINES: [string, number, Line][] = [
  ["9.01", 2, { quantity: "2", unit_price: "4.50", amount: "9.01" }],
  ["14.51", 2, { quantity: "3", unit_price: "4.835" }],
  ["-14.51", 2, { type: "return", quantity: "-3", unit_price: "4.835" }],
  ["1249.50", 2, { quantity: "2", unit_price: "499.75", tax: "250.00" }],
  ["1199.50", 2, { quantity: "2", unit_price: "499.75", discount: "50.00", taxes: [{ amount: "125.00" }, { amount: "125" }] }],
  ["999.50", 2, { quantity: "2", unit_price: "499.75", tax_included: true, tax: "250.00" }],
  ["-2.00", 2, { type: "discount", amount: "-2" }],
  ["-3.00", 2, { type: "discount", quantity: "-1", unit_price: "3" }],
  ["0.00", 2, { quantity: "1", unit_price: "0.995", discount: "1.00" }],
  ["0.000", 3, { type: "return", quantity: "-1", unit_price: "0.0005", discount: "-0.001" }],
  ["1", 0, { type: "tip", quantity: "1", unit_price: "0.5" }],
  ["-0.02", 2, { type: "rounding", amount: "-0.02" }],
  ["5.00", 2, { type: "discount", amount: "5" }],
];

test("a line adds what it says, or what its price comes to", () => {
  for (const [want, digits, line] of LINES) assert.equal(adds(line, digits), want, JSON.stringify(line));
});

test("taxes are added up by name and rate, and 9 and 9.00 are the same rate", () => {
  const lines: Line[] = [
    {
      taxes: [
        { name: "CGST", rate: "9", amount: "95.30" },
        { name: "SGST", rate: "9.0", amount: "95.30" },
      ],
    },
    {
      taxes: [
        { name: "CGST", rate: "9.00", amount: "0.05" },
        { name: "CGST", rate: "2.5", amount: "1" },
      ],
    },
    { tax: "40.00" },
    { type: "return", tax: "-4.00" },
    { amount: "1" },
  ];
  assert.deepEqual(taxes(lines, 2), [
    { name: "", rate: "", amount: "36.00" },
    { name: "CGST", rate: "2.5", amount: "1.00" },
    { name: "CGST", rate: "9", amount: "95.35" },
    { name: "SGST", rate: "9", amount: "95.30" },
  ]);
});

test("discounts are those on lines and those of their own", () => {
  assert.equal(discounts([{ discount: "10" }, { type: "discount", amount: "-40.00" }, { type: "discount", amount: "5" }], 2), "45.00");
  assert.equal(discounts([{ discount: "0.00" }, { amount: "1" }], 2), undefined);
});

const record = (of: Partial<ReceiptRecord>): ReceiptRecord => ({
  kind: "sale",
  store_id: "s1",
  terminal_id: "t1",
  record_number: 1,
  previous_hash: "",
  sale_hash: "",
  recorded_at: "",
  currency: "INR",
  digits: 2,
  total: "100.00",
  lines: [],
  tenders: [],
  ...of,
});

test("points paid what the tenders left, or what the rules say where there are none", () => {
  const points = { earned: 1, redeemed: 80, worth: "21.00" };
  const tenders = [
    { type: "cash", amount: "70" },
    { type: "card", amount: "10.00" },
  ];
  assert.equal(paidWithPoints(record({ points, tenders })), "20.00");
  assert.equal(paidWithPoints(record({ points })), "21.00");
  assert.equal(paidWithPoints(record({ points: { earned: 1, redeemed: 80 } })), undefined);
});
