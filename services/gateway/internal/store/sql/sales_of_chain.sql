-- The same of one chain, whatever its records refer to. Another store's chain is not read at all.
SELECT @row
FROM sales.sale s
WHERE chain = $7 AND recorded_at_us >= $5
  AND (recorded_at_us, record_number) < ($2, CASE WHEN $7 < $3 THEN 9223372036854775807 WHEN $7 = $3 THEN $4 ELSE 0 END)
  AND (SELECT t.store_id = $1 FROM sales.terminal t WHERE t.terminal_id = split_part($7, '~', 1))
ORDER BY recorded_at_us DESC, record_number DESC LIMIT $6;
