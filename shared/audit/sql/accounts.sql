-- What is kept of some customers.
SELECT customer_id, coalesce(points_balance, -1), coalesce(purchases, -1), coalesce(entries, -1), coalesce(last_recorded_at_us, -1), bonus_due IS TRUE
FROM audit.loyalty_account WHERE customer_id = ANY ($1::text[])
