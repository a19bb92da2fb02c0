-- The records that refunds name, by id or by the key at their terminal. Committed facts don't change: no lock is needed.
SELECT @row
FROM (
    SELECT x.* FROM unnest($1::uuid[]) AS wanted (sale_id)
    CROSS JOIN LATERAL (SELECT * FROM sales.sale x WHERE x.sale_id = wanted.sale_id LIMIT 1) x
    UNION ALL
    SELECT x.* FROM unnest($2::text[], $3::uuid[]) AS wanted (terminal_id, idempotency_key)
    CROSS JOIN LATERAL (SELECT * FROM sales.sale x
                        WHERE x.terminal_id = wanted.terminal_id AND x.idempotency_key = wanted.idempotency_key LIMIT 1) x
) s;
