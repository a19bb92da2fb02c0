-- A seq up to which no leaf waits, so that a start does not search the whole table: for the deployment itself, every leaf up to it is in
-- a batch. Batches take the lowest seqs first. What is below the highest seq of a batch that is older than any intake transaction was
-- visible when the newest batch was sealed; so up to the lower of the two batches' highest seqs nothing waits.
-- From the deployment before, unless all is replayed, the same seq counts as far as its batches are final: what is final at any
-- deployment is not taken again. One that was hardly used, or has no final batch, gives no such seq: then the one before it counts.
WITH considered AS (
    SELECT @deployment::bigint AS id
    UNION ALL
    (SELECT d.id
     FROM anchor.deployment d
     CROSS JOIN LATERAL (SELECT at FROM anchor.batch WHERE deployment = d.id ORDER BY batch_id DESC LIMIT 1) AS b
     WHERE d.id < @deployment AND NOT @replay
       AND EXISTS (SELECT FROM anchor.batch o WHERE o.deployment = d.id AND o.at < b.at - @rotation::interval)
       AND EXISTS (SELECT FROM anchor.batch_event e WHERE e.deployment = d.id AND e.state = 'final')
     ORDER BY d.id DESC
     LIMIT 1)
), newest AS (
    SELECT c.id, b.batch_id, b.at
    FROM considered c
    CROSS JOIN LATERAL (SELECT batch_id, at FROM anchor.batch WHERE deployment = c.id ORDER BY batch_id DESC LIMIT 1) AS b
), older AS (
    SELECT n.id, b.batch_id
    FROM newest n
    CROSS JOIN LATERAL (
        SELECT batch_id FROM anchor.batch
        WHERE deployment = n.id AND at < n.at - @rotation::interval
        ORDER BY batch_id DESC LIMIT 1
    ) AS b
), seqs AS (
    SELECT b.id, (
        SELECT max(l.seq) FROM anchor.batch_leaf m JOIN anchor.leaf l USING (sale_id) WHERE m.deployment = b.id AND m.batch_id = b.batch_id
    ) AS highest
    FROM (SELECT id, batch_id FROM newest UNION ALL SELECT id, batch_id FROM older) AS b
    WHERE b.id IN (SELECT id FROM older)
), unfinished AS (
    SELECT n.id, min(l.seq) - 1 AS highest
    FROM newest n
    JOIN anchor.batch_leaf m ON m.deployment = n.id
        AND m.batch_id > (SELECT coalesce(max(batch_id), 0) FROM anchor.batch_event WHERE deployment = n.id AND state = 'final')
    JOIN anchor.leaf l USING (sale_id)
    WHERE n.id <> @deployment
    GROUP BY n.id
)
SELECT coalesce(max(floor), 0)
FROM (SELECT s.id, least(min(s.highest), min(u.highest)) AS floor FROM seqs s LEFT JOIN unfinished u USING (id) GROUP BY s.id) AS floors;
