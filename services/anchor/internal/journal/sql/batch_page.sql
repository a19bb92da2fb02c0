-- Batches of a deployment below an id, newest first, each with its last event.
SELECT b.batch_id, b.root, b.size, e.state, e.tx_hash, e.nonce::text, e.block_number::text, e.block_hash, e.at, e.id
FROM anchor.batch b
CROSS JOIN LATERAL (
    SELECT * FROM anchor.batch_event e WHERE e.deployment = b.deployment AND e.batch_id = b.batch_id ORDER BY id DESC LIMIT 1
) AS e
WHERE b.deployment = @deployment AND b.batch_id < @before
ORDER BY b.batch_id DESC
LIMIT @most;
