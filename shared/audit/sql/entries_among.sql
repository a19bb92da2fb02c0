-- The same of some customers: each one's entries are found by the index, which holds for the first of many as for all.
SELECT e.customer_id, e.entry_number, e.sale_id::text, e.points_delta, e.points_balance, e.rules_version, s.kind, coalesce(s.refund_of::text, ''),
       coalesce(s.customer_id, ''), s.currency, s.total, s.points_delta, s.points_balance, s.purchase_number, s.recorded_at_us, s.points_earned,
       s.points_redeemed, coalesce(s.rules_version, ''), s.request
FROM unnest($4::text[]) AS wanted (customer_id)
CROSS JOIN LATERAL (
    SELECT * FROM audit.loyalty_entry x WHERE x.customer_id = wanted.customer_id AND (x.customer_id, x.entry_number) > ($1, $2)
    ORDER BY x.entry_number LIMIT $3
) e
LEFT JOIN audit.sale s ON s.sale_id = e.sale_id
ORDER BY e.customer_id, e.entry_number LIMIT $3
