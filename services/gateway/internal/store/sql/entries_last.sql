-- Customers' last entries.
SELECT wanted.customer_id, e.entry_number, e.sale_id, e.points_delta, e.points_balance
FROM unnest($1::text[]) AS wanted (customer_id)
CROSS JOIN LATERAL (SELECT * FROM sales.loyalty_entry x WHERE x.customer_id = wanted.customer_id ORDER BY x.entry_number DESC LIMIT 1) e;
