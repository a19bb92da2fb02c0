-- The records under used keys. LATERAL keeps the plan one index probe a key however large the table grows.
SELECT @row
FROM unnest($1::text[], $2::uuid[]) AS wanted (terminal_id, idempotency_key)
CROSS JOIN LATERAL (SELECT * FROM sales.sale x
                    WHERE x.terminal_id = wanted.terminal_id AND x.idempotency_key = wanted.idempotency_key LIMIT 1) s;
