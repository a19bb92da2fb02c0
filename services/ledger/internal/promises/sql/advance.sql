-- Moves the mark over the leaves that are in a batch, up to the first that is in none or so young that one with a lower seq may yet become
-- visible: a seq is assigned before its transaction commits, and the anchor's take seconds. Returns whether there are more to pass.
WITH live AS MATERIALIZED (
    SELECT id FROM anchor.deployment WHERE NOT retired
), mark AS MATERIALIZED (
    SELECT place FROM ledger.low_water WHERE look = 'leaves'
), stop AS (
    SELECT n.seq FROM (SELECT seq, sale_id, at FROM anchor.leaf WHERE seq > (SELECT place FROM mark) ORDER BY seq LIMIT 20000) n
    WHERE n.at > now() - @young::interval
       OR (SELECT true FROM anchor.batch_leaf m WHERE m.sale_id = n.sale_id AND m.deployment = ANY (ARRAY(SELECT id FROM live)) LIMIT 1) IS NULL
    ORDER BY n.seq LIMIT 1
), reached AS (
    SELECT coalesce(
        (SELECT seq - 1 FROM stop),
        (SELECT max(seq) FROM (SELECT seq FROM anchor.leaf WHERE seq > (SELECT place FROM mark) ORDER BY seq LIMIT 20000) n)
    ) AS seq
), moved AS (
    UPDATE ledger.low_water w SET place = r.seq FROM reached r WHERE w.look = 'leaves' AND r.seq > w.place RETURNING 1
)
SELECT EXISTS (SELECT FROM moved) AND NOT EXISTS (SELECT FROM stop) AS more
