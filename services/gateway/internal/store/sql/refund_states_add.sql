-- First of the locks: a refund's sale gets its row, in one global order, so that two gateways queue up and never cross.
INSERT INTO sales.refund_state (sale_id, total_minor, refunded_minor, points_clawed, points_returned)
SELECT wanted.sale_id, wanted.total_minor, 0, 0, 0
FROM unnest($1::uuid[], $2::bigint[]) AS wanted (sale_id, total_minor)
ORDER BY wanted.sale_id
ON CONFLICT DO NOTHING
RETURNING sale_id;
