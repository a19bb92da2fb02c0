-- The refunds of a store's sale, in no order.
SELECT @row
FROM sales.sale s
WHERE s.refund_of = $1 AND EXISTS (SELECT FROM sales.sale o WHERE o.sale_id = $1 AND o.store_id = $2);
