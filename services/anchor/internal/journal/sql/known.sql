-- What Postgres holds about each claim: the committed sale, its leaf, and the rate under the claim's rate id. LATERAL with a limit
-- keeps the planner at look-ups by key, however large the tables are.
SELECT n.ordinal::int - 1, s.sale_hash, s.store_id, s.currency, s.total, l.sale_hash, r.currency, r.value
FROM unnest(@sale_ids::uuid[], @rates::text[]) WITH ORDINALITY AS n (sale_id, rate_id, ordinal)
LEFT JOIN LATERAL (SELECT sale_hash, store_id, currency, total FROM sales.sale WHERE sale_id = n.sale_id LIMIT 1) AS s ON true
LEFT JOIN LATERAL (SELECT sale_hash FROM anchor.leaf WHERE sale_id = n.sale_id LIMIT 1) AS l ON true
LEFT JOIN LATERAL (SELECT currency, value FROM anchor.rate WHERE id = n.rate_id LIMIT 1) AS r ON true;
