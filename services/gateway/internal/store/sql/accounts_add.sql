-- Second of the locks, after the refund states: accounts, in one global order. What is returned is new and must be used.
INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us)
SELECT wanted.customer_id, 0, 0, 0, 0
FROM unnest($1::text[]) AS wanted (customer_id)
ORDER BY wanted.customer_id
ON CONFLICT DO NOTHING
RETURNING customer_id;
