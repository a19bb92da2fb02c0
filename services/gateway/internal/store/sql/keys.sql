-- What rows are checked by: the keys that ever signed promises, the last $1 of them, and up to which recorded_at there may be none: what a row of a
-- table says, and at the latest a day after the first key was recorded, since whoever owns the database can write that row.
SELECT array(SELECT jwk FROM sales.promise_key ORDER BY recorded_at DESC, kid LIMIT $1),
       least(coalesce((SELECT recorded_at_us FROM sales.unpromised ORDER BY recorded_at_us DESC LIMIT 1), -1),
             (SELECT min(recorded_at_us) + 86400000000 FROM (SELECT recorded_at_us FROM sales.sale WHERE chain = 'operator' AND kind = 'key' OFFSET 0) k));
