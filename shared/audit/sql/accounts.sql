-- What is kept of some customers.
SELECT customer_id, points_balance, purchases, entries, last_recorded_at_us, bonus_due FROM audit.loyalty_account WHERE customer_id = ANY ($1::text[])
