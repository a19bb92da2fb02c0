INSERT INTO sales.loyalty_entry (customer_id, entry_number, sale_id, points_delta, points_balance, rules_version)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[]);
