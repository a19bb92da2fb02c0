-- Batches that are not final, with their last event, the root of the log up to each and the entry that the log has of it. Batches become
-- final in order, so the open ones are the newest: the search starts at the last final one.
WITH last_final AS (
    SELECT coalesce(max(batch_id), 0) AS id FROM anchor.batch_event WHERE deployment = @deployment AND state = 'final'
)
SELECT b.batch_id, b.root, b.size, l.root, substring(l.nodes FOR 32), e.state, e.block_number::text, e.block_hash, e.tx_hash, b.at
FROM anchor.batch b
LEFT JOIN anchor.log l USING (deployment, batch_id)
CROSS JOIN LATERAL (
    SELECT state, block_number, block_hash, tx_hash FROM anchor.batch_event e
    WHERE e.deployment = b.deployment AND e.batch_id = b.batch_id ORDER BY id DESC LIMIT 1
) AS e
WHERE b.deployment = @deployment AND b.batch_id > (SELECT id FROM last_final)
ORDER BY b.batch_id;
