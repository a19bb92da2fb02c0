-- A customer's entries before one, newest first, each with its record: as many of the first as sent $4 bytes together, and one at least; listed is how
-- many there are.
SELECT s.listed, s.entry_number, s.entry_delta, s.entry_balance, s.entry_version, @row
FROM (SELECT *, count(*) OVER () AS listed, sum(octet_length(request)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes, row_number() OVER () AS place
      FROM (
          SELECT e.entry_number, e.points_delta AS entry_delta, e.points_balance AS entry_balance, e.rules_version AS entry_version, x.*
          FROM sales.loyalty_entry e JOIN sales.sale x ON x.sale_id = ANY (ARRAY[e.sale_id])
          WHERE e.customer_id = $1 AND e.entry_number < $2
          ORDER BY e.entry_number DESC LIMIT $3
      ) ordered) s
WHERE s.bytes <= $4 OR s.place = 1
ORDER BY s.place;
