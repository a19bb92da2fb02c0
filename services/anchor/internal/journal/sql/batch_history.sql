SELECT b.batch_id, b.root, b.size, e.state, e.tx_hash, e.nonce::text, e.block_number::text, e.block_hash, e.at, e.id
FROM anchor.batch b JOIN anchor.batch_event e USING (deployment, batch_id)
WHERE b.deployment = @deployment AND b.batch_id = @batch_id
ORDER BY e.id;
