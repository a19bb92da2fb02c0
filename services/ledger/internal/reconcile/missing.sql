-- Of these sales, those that still have no leaf and are not parked, with all that a SaleRecorded says.
SELECT s.sale_id::text, s.kind, coalesce(s.refund_of::text, '') AS refund_of, s.store_id, s.terminal_id, coalesce(s.customer_id, '') AS customer_id,
       s.currency, s.total, s.points_delta, s.points_balance, s.purchase_number, s.recorded_at_us, s.sale_hash, s.request
FROM sales.sale s
WHERE s.sale_id = ANY(@ids::uuid[])
  AND NOT EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = s.sale_id)
  AND NOT EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = s.sale_id)
ORDER BY s.recorded_at_us, s.sale_id
