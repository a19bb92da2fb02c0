-- An event up to which all are announced, so that a start does not search the whole table. Events are announced in order; only
-- the sales of batches may be held back, in the order of the batches: where a final batch's were announced, so were all before.
WITH announced AS (
    SELECT e.id, e.batch_id
    FROM anchor.batch_event e
    WHERE e.deployment = @deployment AND e.state = 'final'
      AND EXISTS (SELECT FROM anchor.announced a WHERE a.event_id = e.id AND a.what = 'batch')
      AND (
          EXISTS (SELECT FROM anchor.announced a WHERE a.event_id = e.id AND a.what = 'sales')
          OR EXISTS (
              SELECT FROM anchor.announced a
              WHERE a.what = 'sales' AND a.event_id = (
                  SELECT max(s.id) FROM anchor.batch_event s WHERE s.deployment = e.deployment AND s.batch_id = e.batch_id AND s.state = @sales_state
              )
          )
      )
    ORDER BY e.batch_id DESC, e.id DESC
    LIMIT 1
)
SELECT coalesce((
    SELECT least(d.id, (SELECT min(e.id) - 1 FROM anchor.batch_event e WHERE e.deployment = @deployment AND e.batch_id > d.batch_id))
    FROM announced d
), 0);
