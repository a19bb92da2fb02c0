-- Sales of the form before, in the order of their chains.
SELECT sale_id::text, kind, coalesce(refund_of::text, ''), store_id, chain, record_number, coalesce(customer_id, ''), currency, total, points_delta,
       points_balance, purchase_number, recorded_at_us, request, salt, answer
FROM sales.sale WHERE (chain, record_number) > ($1, $2) ORDER BY chain, record_number LIMIT $3;
