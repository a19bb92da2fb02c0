-- A customer's entries before one, newest first, each with its record.
SELECT e.entry_number, e.points_delta, e.points_balance, e.rules_version, @row
FROM sales.loyalty_entry e JOIN sales.sale s ON s.sale_id = ANY (ARRAY[e.sale_id])
WHERE e.customer_id = $1 AND e.entry_number < $2
ORDER BY e.entry_number DESC LIMIT $3;
