-- The answers under used keys. LATERAL keeps the plan one index probe a key however large the table grows.
SELECT wanted.terminal_id, wanted.idempotency_key, s.fingerprint, s.answer
FROM unnest($1::text[], $2::uuid[]) AS wanted (terminal_id, idempotency_key)
CROSS JOIN LATERAL (SELECT fingerprint, answer FROM sales.sale x
                    WHERE x.terminal_id = wanted.terminal_id AND x.idempotency_key = wanted.idempotency_key LIMIT 1) s;
