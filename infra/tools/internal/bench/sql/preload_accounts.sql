INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us)
SELECT customer_id, max(points_balance), max(purchase_number), max(purchase_number), max(recorded_at_us) FROM sales.sale GROUP BY customer_id
ON CONFLICT (customer_id) DO UPDATE SET points_balance = excluded.points_balance, purchases = excluded.purchases,
    entries = excluded.entries, last_recorded_us = excluded.last_recorded_us;
