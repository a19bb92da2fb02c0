-- The same of some customers: each one's entries are found by the index, which holds for the first of many as for all.
SELECT e.customer_id, e.entry_number, e.sale_id::text, e.points_delta, e.points_balance, e.rules_version, s.kind, coalesce(s.refund_of::text, ''),
       coalesce(s.customer_id, ''), coalesce(s.currency, ''), coalesce(s.total, ''), coalesce(s.points_delta, 0), coalesce(s.points_balance, 0),
       coalesce(s.purchase_number, 0), coalesce(s.recorded_at_us, 0), coalesce(s.points_earned, 0), coalesce(s.points_redeemed, 0),
       coalesce(s.rules_version, ''), s.request
FROM unnest($4::text[]) AS wanted (customer_id)
CROSS JOIN LATERAL (
    SELECT * FROM audit.loyalty_entry x WHERE x.customer_id = wanted.customer_id AND (x.customer_id, x.entry_number) > ($1, $2)
    ORDER BY x.entry_number LIMIT $3
) e
LEFT JOIN audit.sale s ON s.sale_id = e.sale_id
ORDER BY e.customer_id, e.entry_number LIMIT $3
