-- A chain's records after one number and up to another. The time is left to the caller: Postgres might take the index by time, and sort.
SELECT sale_id::text, kind, coalesce(refund_of::text, ''), store_id, terminal_id, coalesce(customer_id, ''), currency, total, points_delta,
       points_balance, purchase_number, record_number, previous_hash, recorded_at_us, request, answer, salt, sale_hash
FROM audit.sale WHERE terminal_id = $1 AND record_number > $2 AND record_number <= $3 ORDER BY record_number LIMIT $4
