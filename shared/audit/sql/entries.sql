-- Customers' entries after one, in order, each with its record where there is one.
SELECT e.customer_id, e.entry_number, e.sale_id::text, e.points_delta, e.points_balance, e.rules_version, s.kind, coalesce(s.refund_of::text, ''),
       coalesce(s.customer_id, ''), s.currency, s.total, s.points_delta, s.points_balance, s.purchase_number, s.recorded_at_us, s.points_earned,
       s.points_redeemed, coalesce(s.rules_version, ''), s.request
FROM audit.loyalty_entry e LEFT JOIN audit.sale s ON s.sale_id = e.sale_id
WHERE (e.customer_id, e.entry_number) > ($1, $2)
ORDER BY e.customer_id, e.entry_number LIMIT $3
