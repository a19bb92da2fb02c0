-- Releases the parked SaleAnchored of a sale that is in a batch, and makes that batch due to be announced again.
WITH batch AS (
    SELECT m.deployment, m.batch_id FROM anchor.batch_leaf m JOIN anchor.deployment d ON d.id = m.deployment AND NOT d.retired
    WHERE m.sale_id = @sale_id::text::uuid ORDER BY m.deployment DESC LIMIT 1
), released AS (
    INSERT INTO ledger.replay (service, stream, sequence, parked_at, sale_id, operator, reason)
    SELECT h.service, h.stream, h.sequence, h.at, h.sale_id, @operator, @reason FROM ledger.held h, batch
    WHERE h.sale_id = @sale_id::text::uuid AND h.stream = @stream
    ON CONFLICT DO NOTHING RETURNING 1
), due AS (
    INSERT INTO ledger.reannounce AS known (deployment, batch_id, generation, next_at)
    SELECT deployment, batch_id, 0, @now::timestamptz FROM batch WHERE EXISTS (SELECT FROM released)
    ON CONFLICT (deployment, batch_id) DO UPDATE SET next_at = excluded.next_at RETURNING 1
)
SELECT count(*)::int FROM released
