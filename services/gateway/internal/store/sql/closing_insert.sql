-- The guard: the chain is of the present series, the closing's last record is in this database, the number and the key are free, and no other
-- closing begins at the same record. A closing that another gateway is storing meanwhile is waited for. The operator's head moves with each
-- series and with no sale: a series that begins waits for the INSERT or the INSERT for it, and no till's record does.
INSERT INTO sales.closing (chain, closing_number, records_of, store_id, terminal_id, idempotency_key, from_number, to_number, closed_at_us, body)
SELECT @chain::text, @closing_number::bigint, nullif(@records_of::text, ''), @store_id::text, @terminal_id::text, @idempotency_key::uuid,
       @from_number::bigint, @to_number::bigint, @closed_at_us::bigint, @body::bytea
FROM sales.terminal_head operator
WHERE operator.terminal_id = 'operator'
  AND @terminal_id::text || CASE WHEN operator.series > 1 THEN '~' || operator.series ELSE '' END = @chain
  AND (@to_number::bigint = 0 OR EXISTS (SELECT FROM sales.sale WHERE chain = coalesce(nullif(@records_of::text, ''), @chain)
                                           AND record_number = @to_number AND sale_hash = @head_hash))
FOR SHARE OF operator
ON CONFLICT DO NOTHING;
