-- Records of a part that stand in no chain, or in front of one; with the first part also those without a time.
SELECT sale_id::text, coalesce(terminal_id, ''), coalesce(record_number, 0)::bigint FROM audit.sale
WHERE recorded_at_us BETWEEN $1 AND $2 AND (terminal_id IS NULL OR terminal_id = '' OR record_number IS NULL OR record_number < 1)
UNION ALL
SELECT sale_id::text, coalesce(terminal_id, ''), coalesce(record_number, 0)::bigint FROM audit.sale
WHERE $3 AND recorded_at_us IS NULL AND (terminal_id IS NULL OR terminal_id = '' OR record_number IS NULL OR record_number < 1)
