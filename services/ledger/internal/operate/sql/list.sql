-- Parked messages of one state, the oldest first and after a position in that order, with the sale's currency where there is a sale.
SELECT p.service, p.stream, p.sequence, left(p.reason, @reason_chars) AS reason, p.sale_id::text AS sale_id, s.currency, p.at, p.state, p.holds,
       p.decided_by, p.decided_because, p.decided_at
FROM ledger.parking p LEFT JOIN sales.sale s USING (sale_id)
WHERE p.state = @state AND (@service::text = '' OR p.service = @service) AND (@currency::text = '' OR s.currency = @currency)
  AND (p.at, p.service, p.stream, p.sequence) > (@after_at::text::timestamptz, @after_service::text, @after_stream::text, @after_sequence::bigint)
ORDER BY p.at, p.service, p.stream, p.sequence LIMIT @rows
