-- A statement of its own: beside the INSERT it would not see a row that another gateway has just committed.
SELECT customer_id, points_balance, purchases, entries, last_recorded_us
FROM sales.loyalty_account WHERE customer_id = ANY ($1::text[]) ORDER BY customer_id FOR UPDATE;
