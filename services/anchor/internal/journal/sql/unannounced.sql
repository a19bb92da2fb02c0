-- Events whose messages are not all acknowledged, oldest first. Sales that were announced with a batch's final event are not announced
-- with its mined event as well: if ANCHOR_FINALITY was lowered, more was announced already than is asked for now.
SELECT e.batch_id, b.root, b.size, e.state, e.tx_hash, e.nonce::text, e.block_number::text, e.block_hash, e.at, e.id,
       EXISTS (SELECT FROM anchor.announced a WHERE a.event_id = e.id AND a.what = 'batch')
FROM anchor.batch_event e
JOIN anchor.batch b USING (deployment, batch_id)
WHERE e.deployment = @deployment
  AND (NOT EXISTS (SELECT FROM anchor.announced a WHERE a.event_id = e.id AND a.what = 'batch')
       OR (e.state = @sales_state AND NOT EXISTS (
           SELECT FROM anchor.batch_event f
           JOIN anchor.announced a ON a.event_id = f.id AND a.what = 'sales'
           WHERE f.deployment = e.deployment AND f.batch_id = e.batch_id AND (f.id = e.id OR f.state = 'final')
       )))
  AND e.id > @low
ORDER BY e.id
LIMIT @most;
