-- The same of some sales.
SELECT r.refund_of::text, r.sale_id::text, coalesce(r.terminal_id, ''), coalesce(r.record_number, 0), coalesce(r.currency, ''), coalesce(r.total, ''),
       coalesce(r.customer_id, ''), coalesce(r.store_id, ''), coalesce(r.points_earned, 0), coalesce(r.points_redeemed, 0),
       coalesce(r.recorded_at_us, 0), coalesce(o.kind, ''), coalesce(o.currency, ''), coalesce(o.total, ''), coalesce(o.customer_id, ''),
       coalesce(o.store_id, ''), coalesce(o.points_earned, 0), coalesce(o.points_redeemed, 0)
FROM (
    SELECT x.* FROM unnest($3::text[]::uuid[]) AS wanted (sale_id)
    CROSS JOIN LATERAL (SELECT * FROM audit.sale y WHERE y.refund_of = wanted.sale_id) x
    WHERE wanted.sale_id > $1::text::uuid ORDER BY x.refund_of LIMIT $2
) r
LEFT JOIN audit.sale o ON o.sale_id = r.refund_of
ORDER BY r.refund_of, r.recorded_at_us, r.terminal_id, r.record_number
