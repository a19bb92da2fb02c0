-- The next sales after a place in the order of recording, and which of them the pipeline has lost, or not reached yet. Bounded
-- by @rows, so that the cost does not grow with the table.
WITH next AS MATERIALIZED (
    SELECT sale_id, recorded_at_us FROM sales.sale
    WHERE (recorded_at_us, sale_id) > (@after_us::bigint, @after_id::uuid) AND recorded_at_us < @before_us
    ORDER BY recorded_at_us, sale_id LIMIT @rows
)
SELECT sale_id::text, recorded_at_us,
       NOT EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = next.sale_id)
       AND NOT EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = next.sale_id) AS missing
FROM next ORDER BY recorded_at_us, sale_id
