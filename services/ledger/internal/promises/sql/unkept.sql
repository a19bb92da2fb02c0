-- The oldest sale that stands in no mined batch of a deployment that is not retired, what it waits for, and how many such sales were
-- recorded before a time; sales of before the shop promised anything are none. Whatever is not mined is in one of five places, each of which
-- is short while all goes well, and of which no more is read than its LIMIT: what is cut off is younger, or was parked later, than what is
-- read. The limits are constants, so that the planner knows how few rows there are. Each question is a scalar one, which is one look-up for
-- each row; as a join it reads the whole table.
WITH unpromised AS MATERIALIZED (
    SELECT coalesce((SELECT recorded_at_us FROM ledger.unpromised ORDER BY recorded_at_us DESC LIMIT 1), -1) AS us
), live AS MATERIALIZED ( -- batches are mined in order: the first `ours` of each contract
    SELECT deployment, ours FROM anchor.extent
), unkept AS MATERIALIZED (
    SELECT f.sale_id FROM ( -- recorded since the search for lost sales was last there
        SELECT sale_id FROM sales.sale
        WHERE recorded_at_us >= greatest(@from_us::bigint, (SELECT place FROM ledger.low_water WHERE look = 'sales'), (SELECT us + 1 FROM unpromised))
        ORDER BY recorded_at_us LIMIT 20000
    ) f WHERE (SELECT true FROM anchor.leaf l WHERE l.sale_id = f.sale_id) IS NULL
    UNION
    SELECT r.sale_id FROM ( -- found lost; more are not open at once, see maxOpen
        SELECT sale_id FROM ledger.repair WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 20000
    ) r WHERE (SELECT true FROM anchor.leaf l WHERE l.sale_id = r.sale_id) IS NULL
    UNION
    SELECT h.sale_id FROM ( -- parked or discarded
        SELECT sale_id FROM ledger.held WHERE sale_id IS NOT NULL ORDER BY at LIMIT 20000
    ) h WHERE (SELECT true FROM anchor.leaf l WHERE l.sale_id = h.sale_id) IS NULL
    UNION
    SELECT n.sale_id FROM ( -- journaled, in no batch
        SELECT sale_id FROM anchor.leaf WHERE seq > (SELECT place FROM ledger.low_water WHERE look = 'leaves') ORDER BY seq LIMIT 20000
    ) n WHERE (SELECT true FROM anchor.batch_leaf m WHERE m.sale_id = n.sale_id AND m.deployment = ANY (ARRAY(SELECT deployment FROM live)) LIMIT 1) IS NULL
    UNION
    SELECT s.sale_id FROM live x CROSS JOIN LATERAL ( -- sealed, and not mined or not any more: the lowest batches, each of up to 65,536
        SELECT m.sale_id FROM (
            SELECT batch_id FROM anchor.batch WHERE deployment = x.deployment AND batch_id > x.ours ORDER BY batch_id LIMIT 10000
        ) b CROSS JOIN LATERAL (
            SELECT sale_id FROM anchor.batch_leaf WHERE deployment = x.deployment AND batch_id = b.batch_id LIMIT 65536
        ) m LIMIT 70000
    ) s WHERE (SELECT true FROM anchor.batch_leaf m JOIN live y ON y.deployment = m.deployment AND m.batch_id <= y.ours
               WHERE m.sale_id = s.sale_id LIMIT 1) IS NULL
), recorded AS MATERIALIZED (
    SELECT s.sale_id, s.recorded_at_us, s.chain, s.record_number FROM unkept u
    CROSS JOIN LATERAL (SELECT sale_id, recorded_at_us, chain, record_number FROM sales.sale WHERE sale_id = u.sale_id LIMIT 1) s
    WHERE s.recorded_at_us > (SELECT us FROM unpromised)
), oldest AS (
    SELECT * FROM recorded ORDER BY recorded_at_us, sale_id LIMIT 1
)
SELECT o.sale_id::text, o.chain AS terminal_id, o.record_number, o.recorded_at_us,
       CASE
           WHEN (SELECT true FROM anchor.batch_leaf m WHERE m.sale_id = o.sale_id AND m.deployment = ANY (ARRAY(SELECT deployment FROM live)) LIMIT 1)
               THEN 'block'
           WHEN (SELECT true FROM anchor.leaf l WHERE l.sale_id = o.sale_id) THEN 'batch'
           ELSE coalesce((SELECT max(p.state) FROM ledger.parking p WHERE p.sale_id = o.sale_id AND p.holds AND p.state <> 'replayed'), 'leaf')
       END AS waits_for,
       (SELECT count(*) FROM recorded WHERE recorded_at_us < @due_us)::int AS broken
FROM oldest o
