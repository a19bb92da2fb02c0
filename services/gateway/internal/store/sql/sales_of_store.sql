-- The same of all chains of the store, those that have ended too: of each as many places as a page has, in the index alone, and only the page's own
-- records are read.
-- As many of the first as have so many bytes together are read, and one at least; listed is how many there are. octet_length reads no request that
-- is stored apart.
SELECT s.listed, @row
FROM (SELECT *, count(*) OVER () AS listed, sum(octet_length(request)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes, row_number() OVER () AS place
      FROM (
          SELECT s.*
          FROM (
              SELECT last.chain, last.recorded_at_us, last.record_number
              FROM (SELECT h.terminal_id || CASE WHEN h.series > 1 THEN '~' || h.series ELSE '' END AS chain
                    FROM sales.terminal t JOIN sales.terminal_head h ON h.terminal_id = ANY (ARRAY[t.terminal_id]) WHERE t.store_id = $1
                    UNION ALL
                    SELECT e.chain FROM sales.terminal t JOIN sales.chain_ended e ON e.terminal_id = ANY (ARRAY[t.terminal_id]) WHERE t.store_id = $1) c
              CROSS JOIN LATERAL (
                  SELECT x.chain, x.recorded_at_us, x.record_number FROM sales.sale x
                  WHERE x.chain = c.chain AND x.recorded_at_us >= $5
                    AND (x.recorded_at_us, x.record_number) < ($2, CASE WHEN c.chain < $3 THEN 9223372036854775807 WHEN c.chain = $3 THEN $4 ELSE 0 END)
                  ORDER BY x.recorded_at_us DESC, x.record_number DESC LIMIT $6
              ) last
              ORDER BY last.recorded_at_us DESC, last.chain DESC, last.record_number DESC LIMIT $6
          ) page
          CROSS JOIN LATERAL (SELECT * FROM sales.sale x
                              WHERE x.chain = page.chain AND x.recorded_at_us = page.recorded_at_us AND x.record_number = page.record_number LIMIT 1) s
          ORDER BY s.recorded_at_us DESC, s.chain DESC, s.record_number DESC
      ) ordered) s
WHERE s.bytes <= $7 OR s.place = 1
ORDER BY s.place;
