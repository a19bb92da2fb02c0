-- Discards a parked message, or those of one sale, with who decided it and why.
WITH discarded AS (
    INSERT INTO ledger.discard (service, stream, sequence, parked_at, operator, reason)
    SELECT service, stream, sequence, at, @operator, @reason FROM ledger.parking p
    WHERE p.state = 'parked'
      AND (p.sale_id = @sale_id::text::uuid
           OR @sale_id::text IS NULL AND p.service = @service AND p.stream = @stream AND p.sequence = @sequence)
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*)::int FROM discarded
