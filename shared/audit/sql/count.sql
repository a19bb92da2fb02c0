-- How many records there are of a part, and with the first one those without a time, which none should be.
SELECT (SELECT count(*) FROM audit.sale WHERE recorded_at_us BETWEEN $1 AND $2)
       + CASE WHEN $3 THEN (SELECT count(*) FROM audit.sale WHERE recorded_at_us IS NULL) ELSE 0 END
