-- The next series, or the one that the operator names: no number that was used before, in this database or in one that was lost.
INSERT INTO sales.series (series, operator, reason)
SELECT coalesce(nullif($1::bigint, 0), present.series + 1), $2, $3
FROM (SELECT greatest(coalesce((SELECT max(series) FROM sales.series), 1), coalesce((SELECT max(series) FROM sales.terminal_head), 1)) AS series) present
WHERE $1::bigint = 0 OR $1::bigint > present.series
RETURNING series;
