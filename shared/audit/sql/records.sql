-- A chain's records after one number, in order.
SELECT sale_id::text, kind, coalesce(refund_of::text, ''), store_id, terminal_id, coalesce(customer_id, ''), currency, total, points_delta, points_balance,
       purchase_number, record_number, previous_hash, recorded_at_us, request, answer, salt, sale_hash, points_earned, points_redeemed,
       coalesce(occurred_at, ''), terminal_seq, coalesce(external_ref, '')
FROM audit.sale WHERE terminal_id = $1 AND record_number > $2 ORDER BY record_number LIMIT $3
