-- A chain's records after one number, in order. What is null or negative, though nothing of it may be, is another value than was hashed.
SELECT sale_id::text, coalesce(kind, ''), coalesce(refund_of::text, ''), coalesce(store_id, ''), terminal_id, coalesce(customer_id, ''),
       coalesce(currency, ''), coalesce(total, ''), coalesce(points_delta, 9223372036854775807), coalesce(points_balance, 9223372036854775807),
       CASE WHEN purchase_number >= 0 THEN purchase_number ELSE 9223372036854775807 END, record_number,
       coalesce(previous_hash, ''), CASE WHEN recorded_at_us >= 0 THEN recorded_at_us ELSE 9223372036854775807 END, coalesce(request, ''::bytea),
       coalesce(answer, ''::bytea), coalesce(salt, ''::bytea), coalesce(sale_hash, ''), coalesce(points_earned, 9223372036854775807),
       coalesce(points_redeemed, 9223372036854775807), coalesce(occurred_at, ''), terminal_seq, coalesce(external_ref, ''),
       coalesce(total_minor, -9223372036854775808)
FROM audit.sale WHERE terminal_id = $1 AND record_number > $2 ORDER BY record_number LIMIT $3
