-- The same of one chain, whatever its records refer to. Another store's chain is not read at all.
-- As many of the first as have so many bytes together are read, and one at least; listed is how many there are. octet_length reads no request that
-- is stored apart.
SELECT s.listed, @row
FROM (SELECT *, count(*) OVER () AS listed, sum(octet_length(request)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes, row_number() OVER () AS place
      FROM (
          SELECT * FROM sales.sale s
          WHERE chain = $7 AND recorded_at_us >= $5
            AND (recorded_at_us, record_number) < ($2, CASE WHEN $7 < $3 THEN 9223372036854775807 WHEN $7 = $3 THEN $4 ELSE 0 END)
            AND (SELECT t.store_id = $1 FROM sales.terminal t WHERE t.terminal_id = split_part($7, '~', 1))
          ORDER BY recorded_at_us DESC, record_number DESC LIMIT $6
      ) ordered) s
WHERE s.bytes <= $8 OR s.place = 1
ORDER BY s.place;
