-- One sale, one transaction: the logical work of the gateway done one by one, for pgbench. :first to :last are the customers,
-- :request and :answer a record's bytes. The same tables, rows, checks, indexes and sizes; only grouping is missing.
\set customer random(:first, :last)
\set terminal random(1, :terminals)
BEGIN;
INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us)
VALUES ('C-' || :customer, 0, 0, 0, 0) ON CONFLICT DO NOTHING;
SELECT points_balance, purchases, entries, gen_random_uuid() AS key,
       -- a UUID v7, as the gateway's: its milliseconds first, so that the primary key grows at its end
       encode(overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 'hex')::uuid AS sale,
       greatest(last_recorded_us + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS at
FROM sales.loyalty_account WHERE customer_id = 'C-' || :customer FOR UPDATE \gset
SELECT records, encode(head_hash, 'hex') AS head FROM sales.terminal_head WHERE terminal_id = 't' || :terminal FOR UPDATE \gset
SELECT count(*) AS used FROM sales.sale WHERE terminal_id = 't' || :terminal AND idempotency_key = :key::text::uuid \gset
INSERT INTO sales.sale (sale_id, kind, store_id, terminal_id, idempotency_key, customer_id, currency, total, total_minor,
    points_earned, points_redeemed, points_delta, points_balance, purchase_number, rules_version, recorded_at_us,
    request, fingerprint, salt, sale_hash, receipt_token, answer, chain, record_number, previous_hash)
VALUES (:sale::text::uuid, 'sale', 's1', 't' || :terminal, :key::text::uuid, 'C-' || :customer, 'INR', '1249.50', 124950,
    124, 0, 124, :points_balance::bigint + 124, :purchases::bigint + 1, '1', :at::bigint,
    convert_to(:request::text, 'UTF8'), uuid_send(:key::text::uuid) || uuid_send(:sale::text::uuid), uuid_send(:sale::text::uuid) || uuid_send(:key::text::uuid),
    uuid_send(:key::text::uuid) || uuid_send(:key::text::uuid), 'abcdefghijklmnopqrstuvwxyz012345', convert_to(:answer::text, 'UTF8'),
    't' || :terminal, :records::bigint + 1, decode(:head::text, 'hex'));
INSERT INTO sales.loyalty_entry (customer_id, entry_number, sale_id, points_delta, points_balance, rules_version)
VALUES ('C-' || :customer, :entries::bigint + 1, :sale::text::uuid, 124, :points_balance::bigint + 124, '1');
UPDATE sales.loyalty_account SET points_balance = :points_balance::bigint + 124, purchases = :purchases::bigint + 1,
    entries = :entries::bigint + 1, last_recorded_us = :at::bigint
WHERE customer_id = 'C-' || :customer AND entries = :entries::bigint;
UPDATE sales.terminal_head SET records = :records::bigint + 1, head_hash = uuid_send(:key::text::uuid) || uuid_send(:key::text::uuid)
WHERE terminal_id = 't' || :terminal AND records = :records::bigint;
COMMIT;
