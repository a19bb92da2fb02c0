-- Sorted by key: two gateways with the same keys wait for each other in one order. The unique constraints decide.
INSERT INTO sales.sale (sale_id, kind, refund_of, store_id, terminal_id, idempotency_key, terminal_seq, customer_id, currency, total,
    total_minor, points_earned, points_redeemed, points_delta, points_balance, purchase_number, rules_version, occurred_at,
    recorded_at_us, request, fingerprint, salt, sale_hash, receipt_token, answer)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::text[], $9::text[],
    $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::text[], $18::text[],
    $19::bigint[], $20::bytea[], $21::bytea[], $22::bytea[], $23::bytea[], $24::text[], $25::bytea[])
    AS new (sale_id, kind, refund_of, store_id, terminal_id, idempotency_key, terminal_seq, customer_id, currency, total,
    total_minor, points_earned, points_redeemed, points_delta, points_balance, purchase_number, rules_version, occurred_at,
    recorded_at_us, request, fingerprint, salt, sale_hash, receipt_token, answer)
ORDER BY terminal_id, idempotency_key;
