-- A store's record with what was sent, and of a sale what its refunds come to: of the refunds themselves, which only add, not of what is counted
-- beside them. They are at most MaxRefunds, or as many as an earlier build took.
SELECT s.kind, s.refund_of, s.customer_id, s.currency, s.request, s.answer, back.total_minor, back.ids
FROM sales.sale s
CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.total_minor), 0)::bigint AS total_minor, array_agg(x.sale_id ORDER BY x.recorded_at_us, x.chain, x.record_number) AS ids
    FROM sales.sale x WHERE x.refund_of = s.sale_id
) back
WHERE s.sale_id = $1 AND s.store_id = $2;
