-- A chain's records from one number to another, for their sums.
SELECT record_number, coalesce(kind, ''), coalesce(currency, ''), coalesce(total, ''), coalesce(points_earned, 0), coalesce(points_redeemed, 0),
       coalesce(occurred_at, ''), terminal_seq, coalesce(recorded_at_us, 0), coalesce(sale_hash, ''), coalesce(request, ''::bytea)
FROM audit.sale WHERE terminal_id = $1 AND record_number >= $2 AND record_number <= $3 ORDER BY record_number LIMIT $4
