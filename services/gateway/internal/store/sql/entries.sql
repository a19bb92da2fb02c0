-- A customer's entries before one, newest first. Only its own store sees which sale it was.
SELECT e.entry_number, CASE WHEN s.store_id = $2 THEN s.sale_id END, s.kind, s.points_earned, s.points_redeemed, e.points_delta,
       e.points_balance, s.purchase_number, s.recorded_at_us, e.rules_version
FROM sales.loyalty_entry e JOIN sales.sale s ON s.sale_id = ANY (ARRAY[e.sale_id])
WHERE e.customer_id = $1 AND e.entry_number < $3
ORDER BY e.entry_number DESC LIMIT $4;
