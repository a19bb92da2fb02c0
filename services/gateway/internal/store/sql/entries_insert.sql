INSERT INTO sales.loyalty_entry (customer_id, entry_number, sale_id, points_delta, points_balance, rules_version)
SELECT * FROM unnest(
    @customer_id::text[], @entry_number::bigint[], @sale_id::uuid[], @points_delta::bigint[], @points_balance::bigint[], @rules_version::text[]
);
