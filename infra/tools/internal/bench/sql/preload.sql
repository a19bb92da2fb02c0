-- Sales $1 to $2 of a shop that has been open for long, dealt out to $3 customers in turn. Ids grow with time, as the
-- gateway's; request and answer are $4 and $5.
WITH s AS (
    SELECT n, 'C-' || (n % $3 + 1) AS customer, n / $3 + 1 AS number,
           encode(overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(1700000000000 + n) FROM 3) FROM 1 FOR 6), 'hex')::uuid AS id,
           uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS word
    FROM generate_series($1::bigint, $2::bigint) AS n
), sale AS (
    INSERT INTO sales.sale (sale_id, kind, store_id, terminal_id, idempotency_key, customer_id, currency, total, total_minor,
        points_earned, points_redeemed, points_delta, points_balance, purchase_number, rules_version, recorded_at_us,
        request, fingerprint, salt, sale_hash, receipt_token, answer, chain, record_number, previous_hash)
    SELECT id, 'sale', 's1', 'old' || (n % 64 + 1), gen_random_uuid(), customer, 'INR', '1249.50', 124950,
        124, 0, 124, number * 124, number, '1', 1700000000000000 + n * 1000,
        convert_to($4::text, 'UTF8'), word, word, word, left(encode(word, 'base64'), 32), convert_to($5::text, 'UTF8'),
        'old' || (n % 64 + 1), n / 64 + 1, word
    FROM s
)
INSERT INTO sales.loyalty_entry (customer_id, entry_number, sale_id, points_delta, points_balance, rules_version)
SELECT customer, number, id, 124, number * 124, '1' FROM s;
