-- The sales that refunds name, by id or by the key at their terminal, with what was sent where a refund has goods, or tenders and the sale redeemed
-- points. Committed facts don't change: no lock is needed.
SELECT s.sale_id, s.kind, s.store_id, s.terminal_id, s.idempotency_key, s.customer_id, s.currency, s.total_minor,
       s.points_earned, s.points_redeemed, s.recorded_at_us, CASE WHEN wanted.lines OR wanted.paid AND s.points_redeemed > 0 THEN s.request END
FROM unnest($1::uuid[], $2::boolean[], $3::boolean[]) AS wanted (sale_id, lines, paid)
CROSS JOIN LATERAL (SELECT * FROM sales.sale x WHERE x.sale_id = wanted.sale_id LIMIT 1) s
UNION ALL
SELECT s.sale_id, s.kind, s.store_id, s.terminal_id, s.idempotency_key, s.customer_id, s.currency, s.total_minor,
       s.points_earned, s.points_redeemed, s.recorded_at_us, CASE WHEN wanted.lines OR wanted.paid AND s.points_redeemed > 0 THEN s.request END
FROM unnest($4::text[], $5::uuid[], $6::boolean[], $7::boolean[]) AS wanted (terminal_id, idempotency_key, lines, paid)
CROSS JOIN LATERAL (SELECT * FROM sales.sale x
                    WHERE x.terminal_id = wanted.terminal_id AND x.idempotency_key = wanted.idempotency_key LIMIT 1) s;
