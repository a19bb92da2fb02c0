-- The guard: the chain is the terminal's present one, the number and the key are free, and no other closing begins at the same record. A closing
-- that another gateway is storing meanwhile is waited for.
INSERT INTO sales.closing (chain, closing_number, records_of, store_id, terminal_id, idempotency_key, from_number, to_number, closed_at_us, body)
SELECT @chain::text, @closing_number::bigint, nullif(@records_of::text, ''), @store_id::text, h.terminal_id, @idempotency_key::uuid, @from_number::bigint,
       @to_number::bigint, @closed_at_us::bigint, @body::bytea
FROM sales.terminal_head h
WHERE h.terminal_id = @terminal_id AND h.terminal_id || CASE WHEN h.series > 1 THEN '~' || h.series ELSE '' END = @chain
FOR SHARE -- a series that begins meanwhile waits, as do the till's records for as long as the INSERT takes
ON CONFLICT DO NOTHING;
