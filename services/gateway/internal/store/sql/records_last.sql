-- The records of customers' last entries, and of their last purchases among as many of the last entries as $2.
SELECT wanted.customer_id, @row
FROM unnest($1::text[]) AS wanted (customer_id)
CROSS JOIN LATERAL (
    (SELECT x.sale_id FROM sales.loyalty_entry x WHERE x.customer_id = wanted.customer_id ORDER BY x.entry_number DESC LIMIT 1)
    UNION
    (SELECT e.sale_id
     FROM (SELECT x.sale_id, x.entry_number FROM sales.loyalty_entry x WHERE x.customer_id = wanted.customer_id ORDER BY x.entry_number DESC LIMIT $2) e
     JOIN sales.sale p ON p.sale_id = ANY (ARRAY[e.sale_id]) AND p.purchase_number > 0
     ORDER BY e.entry_number DESC LIMIT 1)
) last
CROSS JOIN LATERAL (SELECT * FROM sales.sale y WHERE y.sale_id = last.sale_id LIMIT 1) s;
