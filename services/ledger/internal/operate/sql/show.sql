-- Everything known about a parked message, or about those of one sale, the oldest first.
SELECT p.service, p.stream, p.sequence, p.reason, p.sale_id::text AS sale_id, s.currency, p.at, p.state, p.holds,
       p.decided_by, p.decided_because, p.decided_at, p.subject, p.data, s.sale_id IS NOT NULL AS committed,
       EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = p.sale_id) AS has_leaf
FROM ledger.parking p LEFT JOIN sales.sale s USING (sale_id)
WHERE p.sale_id = @sale_id::text::uuid
   OR @sale_id::text IS NULL AND p.service = @service AND p.stream = @stream AND p.sequence = @sequence
ORDER BY p.at, p.service, p.stream, p.sequence LIMIT @rows
