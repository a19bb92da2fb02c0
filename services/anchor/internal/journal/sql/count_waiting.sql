-- How many leaves waiting.sql would take, since when the oldest waits, the lowest seq among them, and the highest seq of all leaves.
SELECT count(*), min(w.at), coalesce(min(w.seq), 0), coalesce((SELECT max(seq) FROM anchor.leaf), 0)
FROM (
    SELECT l.seq, l.at
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
    LIMIT @most
) AS w;
