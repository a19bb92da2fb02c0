-- What is parked still, the oldest first, with the sale's currency where there is a sale; and how many there are in all.
SELECT h.service, h.stream, h.sequence, h.reason, h.sale_id::text AS sale_id, s.currency,
       to_char(h.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, count(*) OVER () AS total
FROM ledger.held h LEFT JOIN sales.sale s USING (sale_id)
WHERE (@service::text = '' OR h.service = @service) AND (@currency::text = '' OR s.currency = @currency)
ORDER BY h.at, h.service, h.stream, h.sequence LIMIT @rows
