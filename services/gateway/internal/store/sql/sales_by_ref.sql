-- A store's records with an external_ref before a place and not before a time, newest first; of one chain where that is named. The order is the
-- index's to its last column: no other index has it.
-- As many of the first as have so many bytes together are read, and one at least; listed is how many there are. octet_length reads no request that
-- is stored apart.
SELECT s.listed, @row
FROM (SELECT *, count(*) OVER () AS listed, sum(octet_length(request)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes, row_number() OVER () AS place
      FROM (
          SELECT * FROM sales.sale s
          WHERE external_ref IS NOT NULL
            AND (store_id, external_ref, recorded_at_us, chain, record_number) < ($1, $7, $2, $3, $4) AND (store_id, external_ref, recorded_at_us) >= ($1, $7, $5)
            AND ($8 = '' OR chain = $8)
          ORDER BY store_id DESC, external_ref DESC, recorded_at_us DESC, chain DESC, record_number DESC LIMIT $6
      ) ordered) s
WHERE s.bytes <= $9 OR s.place = 1
ORDER BY s.place;
