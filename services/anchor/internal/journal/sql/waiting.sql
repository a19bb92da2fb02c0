-- Leaves for the next batch: those above the low-water mark that no batch of this deployment holds, or for a deployment
-- that does not replay, no batch at all.
SELECT l.seq, l.sale_id, l.sale_hash, l.amount_wei::text, l.at
FROM anchor.leaf l
WHERE l.seq > @low
  AND NOT EXISTS (SELECT FROM anchor.batch_leaf m WHERE m.sale_id = l.sale_id AND (m.deployment = @deployment OR NOT @replay))
ORDER BY l.seq
LIMIT @most;
