-- The first leaf journaled for a sale is kept; a second changes nothing. A leaf refers to a committed sale with that very hash, store,
-- currency and total, and to the rate at which its amount was computed; a total of zero, and no other, has no rate and an amount of 0. For
-- any other claim nothing is inserted.
INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, rate_id, store_id)
SELECT n.sale_id, n.sale_hash, n.amount_wei, n.rate_id, n.store_id
FROM unnest(@sale_ids::uuid[], @hashes::bytea[], @amounts::numeric[], @rates::text[], @stores::text[], @currencies::text[], @totals::text[], @values::text[])
     WITH ORDINALITY AS n (sale_id, sale_hash, amount_wei, rate_id, store_id, currency, total, value, ordinal)
CROSS JOIN LATERAL (SELECT sale_hash, store_id, currency, total FROM sales.sale WHERE sale_id = n.sale_id LIMIT 1) AS s
LEFT JOIN LATERAL (SELECT currency, value FROM anchor.rate WHERE id = n.rate_id LIMIT 1) AS r ON true
WHERE s.sale_hash = n.sale_hash AND s.store_id = n.store_id AND s.currency = n.currency AND s.total = n.total
  AND CASE WHEN s.total ~ '^0(\.0+)?$' THEN n.amount_wei = 0 AND n.rate_id IS NULL
           ELSE n.amount_wei > 0 AND r.currency = n.currency AND r.value = n.value END
ORDER BY n.ordinal
ON CONFLICT (sale_id) DO NOTHING;
