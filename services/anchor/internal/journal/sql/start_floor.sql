-- A place up to which every leaf is in a batch, so that a start does not search the whole table. Batches take the lowest places
-- first. What lies below the highest place of a batch that is older than any intake transaction was visible when the newest
-- batch was sealed; so up to the lower of their highest places nothing waits.
WITH newest AS (
    SELECT batch_id, at FROM anchor.batch WHERE deployment = @deployment ORDER BY batch_id DESC LIMIT 1
), settled AS (
    SELECT b.batch_id FROM anchor.batch b, newest
    WHERE b.deployment = @deployment AND b.at < newest.at - @rotation::interval
    ORDER BY b.batch_id DESC LIMIT 1
)
SELECT coalesce(min(highest), 0)
FROM (
    SELECT (
        SELECT max(l.seq) FROM anchor.batch_leaf m JOIN anchor.leaf l USING (sale_id)
        WHERE m.deployment = @deployment AND m.batch_id = b.batch_id
    ) AS highest
    FROM (SELECT batch_id FROM newest UNION ALL SELECT batch_id FROM settled) AS b
) AS places
WHERE EXISTS (SELECT FROM settled);
