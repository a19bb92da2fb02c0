-- The chain after one among the records themselves, whatever is kept of it: a probe of the index for each.
SELECT terminal_id FROM audit.sale WHERE terminal_id > $1 ORDER BY terminal_id, record_number LIMIT 1
