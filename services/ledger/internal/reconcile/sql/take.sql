-- Takes the repairs that are due, those that have waited longest first: each gets its next generation and its next time before
-- anything is published. Returns the members of their SaleRecorded.
WITH due AS MATERIALIZED (
    SELECT sale_id FROM ledger.repair WHERE next_at IS NOT NULL AND next_at <= @due ORDER BY next_at LIMIT @rows
), taken AS (
    UPDATE ledger.repair r
    SET generation = r.generation + 1, published_at = @now,
        next_at = @now::timestamptz + least(@longest::interval, @first::interval * power(2, least(r.generation, 20)))
    FROM due WHERE r.sale_id = due.sale_id
    RETURNING r.sale_id, r.generation
)
SELECT s.sale_id::text, s.kind, coalesce(s.refund_of::text, '') AS refund_of, s.store_id, s.chain AS terminal_id, s.record_number, s.previous_hash,
       coalesce(s.customer_id, '') AS customer_id,
       s.currency, s.total, s.points_earned, s.points_redeemed, s.points_delta, s.points_balance, s.purchase_number, s.recorded_at_us, s.sale_hash,
       s.request, s.salt, coalesce((SELECT p.promise FROM sales.promise p WHERE p.sale_id = s.sale_id), '') AS promise, t.generation
FROM taken t JOIN sales.sale s USING (sale_id)
ORDER BY s.recorded_at_us, s.sale_id
