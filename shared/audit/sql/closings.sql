-- Every closing, those of one chain's records together and in their order.
SELECT terminal_id, CASE WHEN closing_number >= 0 THEN closing_number ELSE 9223372036854775807 END, coalesce(records_of, terminal_id),
       CASE WHEN from_number >= 0 THEN from_number ELSE 9223372036854775807 END, CASE WHEN to_number >= 0 THEN to_number ELSE 9223372036854775807 END,
       store_id, closed_at_us, coalesce(body, ''::bytea)
FROM audit.closing ORDER BY coalesce(records_of, terminal_id), from_number, closed_at_us
