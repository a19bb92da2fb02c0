-- Takes the closings that are due, those that have waited longest first: each gets its next generation and its next time before anything
-- is published. Returns what the gateway stored.
WITH due AS MATERIALIZED (
    SELECT chain, closing_number FROM ledger.reclose WHERE next_at IS NOT NULL AND next_at <= @due ORDER BY next_at LIMIT @rows
), taken AS (
    UPDATE ledger.reclose r
    SET generation = r.generation + 1, published_at = @now,
        next_at = @now::timestamptz + least(@longest::interval, @first::interval * power(2, least(r.generation, 20)))
    FROM due WHERE r.chain = due.chain AND r.closing_number = due.closing_number
    RETURNING r.chain, r.closing_number, r.generation
)
SELECT c.chain, c.closing_number AS number, c.store_id, c.body, t.generation
FROM taken t JOIN sales.closing c USING (chain, closing_number)
ORDER BY c.closed_at_us, c.chain, c.closing_number
