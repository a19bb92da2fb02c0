SELECT customer_id, points_balance, purchases, entries, last_recorded_us, bonus_due FROM sales.loyalty_account WHERE customer_id = $1;
