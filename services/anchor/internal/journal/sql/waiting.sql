-- Leaves for the next batch: those above the low-water mark that are in no batch of this deployment. A deployment that does not replay
-- leaves out what is final at another one, and only that: what an earlier deployment has sealed and perhaps mined, nobody watches any more.
-- A CASE of scalar questions keeps the planner at one search by index for each leaf: as a join it reads all of batch_leaf each time.
SELECT l.seq, l.sale_id, l.sale_hash, l.amount_wei::text, l.at
FROM anchor.leaf l
WHERE l.seq > @low
  AND CASE
          WHEN (SELECT true FROM anchor.batch_leaf m WHERE m.sale_id = l.sale_id AND m.deployment = @deployment) THEN false
          WHEN @replay THEN true
          ELSE NOT EXISTS (
              SELECT FROM anchor.batch_leaf m
              JOIN anchor.batch_event e ON e.deployment = m.deployment AND e.batch_id = m.batch_id AND e.state = 'final'
              WHERE m.sale_id = l.sale_id
          )
      END
ORDER BY l.seq
LIMIT @most;
