-- The refunds of sales, of each at most $2: behind the lock of their refund states there are no others.
SELECT @row
FROM unnest($1::uuid[]) AS wanted (sale_id)
CROSS JOIN LATERAL (SELECT * FROM sales.sale x WHERE x.refund_of = wanted.sale_id LIMIT $2) s;
