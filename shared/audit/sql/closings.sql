-- Every closing, those of one chain's records together and in their order.
SELECT terminal_id, closing_number, coalesce(records_of, terminal_id), from_number, to_number, store_id, closed_at_us, body
FROM audit.closing ORDER BY coalesce(records_of, terminal_id), from_number, closed_at_us
