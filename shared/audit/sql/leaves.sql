-- A batch's leaves in order, each with its record where there is one, and its rate.
SELECT m.leaf_index, m.sale_id::text, coalesce(m.sale_hash, ''), coalesce(m.amount_wei::text, ''), coalesce(s.sale_hash, ''), coalesce(s.currency, ''), coalesce(s.total, ''),
       coalesce(r.value, ''), coalesce(r.currency, ''), coalesce(s.recorded_at_us, 0)
FROM audit.batch_leaf m LEFT JOIN audit.sale s ON s.sale_id = m.sale_id LEFT JOIN audit.rate r ON r.rate_id = m.rate_id
WHERE m.deployment = $1 AND m.batch_id = $2 ORDER BY m.leaf_index
