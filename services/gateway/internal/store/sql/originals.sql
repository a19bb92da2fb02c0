-- The sales that refunds name, by id or by the key at their terminal, with what was sent where it is asked for. Committed facts don't change:
-- no lock is needed.
SELECT s.sale_id, s.kind, s.store_id, s.terminal_id, s.idempotency_key, s.customer_id, s.currency, s.total_minor,
       s.points_earned, s.points_redeemed, s.recorded_at_us, CASE WHEN wanted.request THEN s.request END
FROM unnest($1::uuid[], $2::boolean[]) AS wanted (sale_id, request)
CROSS JOIN LATERAL (SELECT * FROM sales.sale x WHERE x.sale_id = wanted.sale_id LIMIT 1) s
UNION ALL
SELECT s.sale_id, s.kind, s.store_id, s.terminal_id, s.idempotency_key, s.customer_id, s.currency, s.total_minor,
       s.points_earned, s.points_redeemed, s.recorded_at_us, CASE WHEN wanted.request THEN s.request END
FROM unnest($3::text[], $4::uuid[], $5::boolean[]) AS wanted (terminal_id, idempotency_key, request)
CROSS JOIN LATERAL (SELECT * FROM sales.sale x
                    WHERE x.terminal_id = wanted.terminal_id AND x.idempotency_key = wanted.idempotency_key LIMIT 1) s;
