-- Once for each terminal and group. The guard is that of accounts_move.sql.
WITH moved AS (
    UPDATE sales.terminal_head h SET records = new.records, head_hash = new.head_hash
    FROM unnest(@terminal_id::text[], @series::bigint[], @records::bigint[], @head_hash::bytea[], @records_before::bigint[])
        AS new (terminal_id, series, records, head_hash, records_before)
    WHERE h.terminal_id = ANY (ARRAY[new.terminal_id]) AND h.series = new.series AND h.records = new.records_before
    RETURNING 1
)
SELECT 1 / (CASE WHEN count(*) = cardinality(@terminal_id) THEN 1 ELSE 0 END) FROM moved;
