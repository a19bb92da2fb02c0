-- Reads the next closings in the order of their time: those that have not arrived become open, and the mark moves to the last one. With
-- those of the same microsecond as the last, so that the time alone is the mark.
WITH next AS MATERIALIZED (
    SELECT chain, closing_number, closed_at_us FROM sales.closing
    WHERE closed_at_us > @after_us::bigint AND closed_at_us < @before_us::bigint
    ORDER BY closed_at_us FETCH FIRST 500 ROWS WITH TIES
), lost AS (
    INSERT INTO ledger.reclose AS known (chain, closing_number, generation, next_at)
    SELECT chain, closing_number, 0, to_timestamp(closed_at_us / 1000000) + @repair_after::interval FROM next
    WHERE NOT EXISTS (SELECT FROM ledger.closed c WHERE c.chain = next.chain AND c.closing_number = next.closing_number)
    ON CONFLICT (chain, closing_number) DO UPDATE SET next_at = excluded.next_at WHERE known.next_at IS NULL
    RETURNING 1
), moved AS (
    UPDATE ledger.low_water w SET place = last.us FROM (SELECT max(closed_at_us) AS us FROM next) last WHERE w.look = @look AND last.us IS NOT NULL
    RETURNING 1
)
SELECT (SELECT count(*) FROM next)::int AS seen, (SELECT count(*) FROM lost)::int AS lost, (SELECT max(closed_at_us) FROM next) AS place
