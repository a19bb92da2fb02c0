-- What is kept as refunded of sales that have no refund.
SELECT t.sale_id::text FROM audit.refund_state t
WHERE (t.refunded_minor <> 0 OR t.points_clawed <> 0 OR t.points_returned <> 0) AND NOT EXISTS (SELECT FROM audit.sale r WHERE r.refund_of = t.sale_id)
ORDER BY t.sale_id
