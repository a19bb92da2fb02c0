-- Where a part of the records ends, in the order of their times.
SELECT recorded_at_us FROM audit.sale WHERE recorded_at_us >= $1 ORDER BY recorded_at_us OFFSET $2 LIMIT 1
