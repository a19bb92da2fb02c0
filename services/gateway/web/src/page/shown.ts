// Whether a proof is of what the page shows. The page came from the shop: what was verified must be what the shopper reads.
import type { Line, ReceiptRecord, Tender } from "./data.ts";

interface Sale {
  saleId: string;
  kind: string;
  refundOf: string;
  storeId: string;
  terminalId: string;
  recordNumber: string;
  previousHash: string;
  currency: string;
  total: string;
  pointsDelta: string;
  recordedAt: string;
  customerId: string;
  pointsBalance: string;
}

/**
 * Names what a page shows otherwise than a proof that has its shape, such as "total"; undefined when all is the same. request is what the till
 * sent, parsed.
 */
export function differs(
  saleId: string,
  shown: ReceiptRecord,
  proof: { sale: Sale; sale_hash: string; promise: string },
  request: unknown,
): string | undefined {
  const { sale } = proof;
  const points = shown.points;
  const pairs: [string, unknown, unknown][] = [
    ["sale", saleId, sale.saleId],
    ["kind", shown.kind, sale.kind],
    ["refunded sale", shown.refund_of ?? "", sale.refundOf],
    ["store", shown.store_id, sale.storeId],
    ["till", shown.terminal_id, sale.terminalId],
    ["record number", String(shown.record_number), sale.recordNumber],
    ["previous hash", shown.previous_hash, sale.previousHash],
    ["currency", shown.currency, sale.currency],
    ["digits", String(shown.digits), String(sale.total.split(".")[1]?.length ?? 0)],
    ["total", shown.total, sale.total],
    ["time", microseconds(shown.recorded_at), sale.recordedAt],
    ["points", String((points?.earned ?? 0) - (points?.redeemed ?? 0)), sale.pointsDelta],
    ["balance", String(points?.balance ?? sale.pointsBalance), sale.pointsBalance],
    ["customer", points?.customer_id ?? sale.customerId, sale.customerId],
    ["sale’s hash", shown.sale_hash, proof.sale_hash],
    ["promise", shown.promise ?? "", proof.promise],
  ];
  for (const [name, here, there] of pairs) if (here !== there) return name;
  return sent(shown, request);
}

// What the till sent is in the request, member by member as it is shown.
function sent(shown: ReceiptRecord, request: unknown): string | undefined {
  const of = (request ?? {}) as {
    lines?: Line[];
    tenders?: Tender[];
    occurred_at?: string;
    external_ref?: string;
    offline?: boolean;
    redeem_points?: number;
  };
  if ((of.occurred_at ?? "") !== (shown.occurred_at ?? "")) return "till’s time";
  if ((of.external_ref ?? "") !== (shown.reference ?? "")) return "reference";
  if (shown.kind === "sale" && (of.redeem_points ?? 0) !== (shown.points?.redeemed ?? 0)) return "points redeemed";
  if ((of.offline ?? false) !== (shown.offline ?? false)) return "offline";
  if (!alike(shown.lines, of.lines ?? [])) return "lines";
  if (!alike(shown.tenders, of.tenders ?? [])) return "payment";
  return undefined;
}

// Members that say nothing are left out by the gateway: false, "" and an empty list.
function alike(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, i) => alike(one, b[i]));
  if (isObject(a) && isObject(b)) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => alike(a[name], b[name]));
  }
  const nothing = (value: unknown) =>
    value === undefined || value === false || value === "" || (Array.isArray(value) && value.length === 0);
  return a === b || (nothing(a) && nothing(b));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** The microseconds since 1970 of a time such as 2026-11-22T04:45:31.123456Z, as decimal text. */
export function microseconds(time: string): string {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(time);
  if (parts === null) return "";
  const seconds = BigInt(Date.parse(`${parts[1]}Z`)) / 1000n;
  return String(seconds * 1_000_000n + BigInt((parts[2] ?? "").padEnd(6, "0") || "0"));
}
