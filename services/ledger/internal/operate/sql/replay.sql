-- Releases committed sales that are parked and have no leaf, each from every message that holds it, inserts the repair that is published
-- next, and returns the members of their SaleRecorded. A discarded sale is released by its id only. A second release at the same time
-- finds the row there and returns nothing for that sale. A sale that is parked only since its row can't be published is
-- released by its id only, too.
WITH chosen AS (
    SELECT s.sale_id FROM sales.sale s
    WHERE (s.sale_id = @sale_id::text::uuid AND s.sale_id IN (SELECT sale_id FROM ledger.held)
           OR @sale_id::text IS NULL AND s.currency = @currency AND s.sale_id IN (
               SELECT sale_id FROM ledger.parking WHERE state = 'parked' AND holds AND stream <> @row))
      AND NOT EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = s.sale_id)
    ORDER BY s.recorded_at_us, s.sale_id LIMIT @rows
), released AS (
    INSERT INTO ledger.replay (service, stream, sequence, parked_at, sale_id, operator, reason)
    SELECT h.service, h.stream, h.sequence, h.at, h.sale_id, @operator, @reason FROM ledger.held h JOIN chosen USING (sale_id)
    ON CONFLICT DO NOTHING RETURNING sale_id
), repaired AS (
    INSERT INTO ledger.repair AS known (sale_id, generation, published_at, next_at)
    SELECT DISTINCT sale_id, 1, @now::timestamptz, @now::timestamptz + @repair_after::interval FROM released
    ON CONFLICT (sale_id) DO UPDATE SET generation = known.generation + 1, published_at = excluded.published_at, next_at = excluded.next_at
    RETURNING sale_id, generation
)
SELECT s.sale_id::text, s.kind, coalesce(s.refund_of::text, '') AS refund_of, s.store_id, s.chain AS terminal_id, s.record_number, s.previous_hash,
       coalesce(s.customer_id, '') AS customer_id,
       s.currency, s.total, s.points_earned, s.points_redeemed, s.points_delta, s.points_balance, s.purchase_number, s.recorded_at_us, s.sale_hash,
       s.request, s.salt, coalesce((SELECT p.promise FROM sales.promise p WHERE p.sale_id = s.sale_id), '') AS promise, r.generation
FROM repaired r JOIN sales.sale s USING (sale_id)
ORDER BY s.recorded_at_us, s.sale_id
