-- A chain's records from one number to another, for their sums.
SELECT record_number, kind, currency, total, points_earned, points_redeemed, coalesce(occurred_at, ''), terminal_seq, recorded_at_us, sale_hash, request
FROM audit.sale WHERE terminal_id = $1 AND record_number >= $2 AND record_number <= $3 ORDER BY record_number LIMIT $4
