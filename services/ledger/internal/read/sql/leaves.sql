SELECT l.sale_hash, l.amount_wei::text
FROM anchor.batch_leaf m JOIN anchor.leaf l USING (sale_id)
WHERE m.deployment = @deployment AND m.batch_id = @batch_id
