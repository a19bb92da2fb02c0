-- Sorted by key: two gateways with the same keys wait for each other in one order. The unique constraints decide.
INSERT INTO sales.sale (
    sale_id, kind, refund_of, store_id, terminal_id, chain, record_number, previous_hash, idempotency_key, terminal_seq, seq_reused, external_ref, customer_id, currency, total, total_minor,
    points_earned, points_redeemed, points_delta, points_balance, purchase_number, rules_version, occurred_at, recorded_at_us,
    request, fingerprint, salt, sale_hash, receipt_token, answer
)
SELECT * FROM unnest(
    @sale_id::uuid[], @kind::text[], @refund_of::uuid[], @store_id::text[], @terminal_id::text[], @chain::text[], @record_number::bigint[],
    @previous_hash::bytea[], @idempotency_key::uuid[],
    @terminal_seq::bigint[], @seq_reused::boolean[], @external_ref::text[], @customer_id::text[], @currency::text[], @total::text[], @total_minor::bigint[],
    @points_earned::bigint[], @points_redeemed::bigint[], @points_delta::bigint[], @points_balance::bigint[],
    @purchase_number::bigint[], @rules_version::text[], @occurred_at::text[], @recorded_at_us::bigint[], @request::bytea[],
    @fingerprint::bytea[], @salt::bytea[], @sale_hash::bytea[], @receipt_token::text[], @answer::bytea[]
) AS new (
    sale_id, kind, refund_of, store_id, terminal_id, chain, record_number, previous_hash, idempotency_key, terminal_seq, seq_reused, external_ref, customer_id, currency, total, total_minor,
    points_earned, points_redeemed, points_delta, points_balance, purchase_number, rules_version, occurred_at, recorded_at_us,
    request, fingerprint, salt, sale_hash, receipt_token, answer
)
ORDER BY terminal_id COLLATE "C", idempotency_key;
