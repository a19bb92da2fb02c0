-- Reads the next sales in the order of recording: those without a leaf that are not parked become open repairs, and the mark moves to the
-- last one. The limit is a constant, so that the planner knows how few rows there are.
WITH next AS MATERIALIZED (
    SELECT sale_id, recorded_at_us FROM sales.sale
    WHERE recorded_at_us >= @after_us::bigint AND (recorded_at_us, sale_id) > (@after_us::bigint, @after_id::text::uuid)
      AND recorded_at_us < @before_us::bigint
    ORDER BY recorded_at_us, sale_id LIMIT 2000
), lost AS (
    INSERT INTO ledger.repair AS known (sale_id, generation, next_at)
    SELECT sale_id, 0, to_timestamp(recorded_at_us / 1000000) + @repair_after::interval FROM next
    WHERE NOT EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = next.sale_id)
      AND NOT EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = next.sale_id)
    ON CONFLICT (sale_id) DO UPDATE SET next_at = excluded.next_at WHERE known.next_at IS NULL
    RETURNING 1
), last AS (
    SELECT recorded_at_us, sale_id FROM next ORDER BY recorded_at_us DESC, sale_id DESC LIMIT 1
), moved AS (
    UPDATE ledger.low_water w SET place = last.recorded_at_us, sale_id = last.sale_id FROM last WHERE w.look = @look RETURNING 1
)
SELECT (SELECT count(*) FROM next)::int AS seen, (SELECT count(*) FROM lost)::int AS lost,
       (SELECT recorded_at_us FROM last) AS place, (SELECT sale_id::text FROM last) AS sale_id
