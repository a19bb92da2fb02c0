-- Records that stand in no chain, or in front of one.
SELECT sale_id::text, coalesce(terminal_id, ''), coalesce(record_number, 0)::bigint FROM audit.sale
WHERE terminal_id IS NULL OR terminal_id = '' OR record_number IS NULL OR record_number < 1
