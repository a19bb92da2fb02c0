-- Leaves for the next batch: those above the low-water mark that no batch of this deployment holds. One that does not replay leaves
-- out what is final elsewhere, and only that: what an earlier deployment has sealed and perhaps mined, nobody watches any more.
SELECT l.seq, l.sale_id, l.sale_hash, l.amount_wei::text, l.at
FROM anchor.leaf l
WHERE l.seq > @low
  AND NOT EXISTS (
      SELECT FROM anchor.batch_leaf m
      WHERE m.sale_id = l.sale_id
        AND (m.deployment = @deployment
             OR NOT @replay AND EXISTS (
                 SELECT FROM anchor.batch_event e WHERE e.deployment = m.deployment AND e.batch_id = m.batch_id AND e.state = 'final'
             ))
  )
ORDER BY l.seq
LIMIT @most;
