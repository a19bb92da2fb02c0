-- When the oldest sale was recorded that waits for its leaf, for its batch, or for its SaleAnchored to reach the ledger; and from which
-- sale and leaf the next search starts. Each search is bounded, and continues where the last one stopped. A batch at a retired deployment is
-- none: its sales wait for one again.
WITH fresh AS MATERIALIZED (
    SELECT recorded_at_us, sale_id FROM sales.sale WHERE recorded_at_us > @from_us ORDER BY recorded_at_us LIMIT 20000
), leafless AS (
    SELECT min(recorded_at_us) AS us FROM fresh s
    WHERE NOT EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = s.sale_id)
      AND NOT EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = s.sale_id)
), repairs AS (
    SELECT min(s.recorded_at_us) AS us FROM (SELECT sale_id FROM ledger.repair WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1000) r
    JOIN sales.sale s USING (sale_id)
), newest AS (
    SELECT b.deployment, b.batch_id FROM anchor.deployment d
    CROSS JOIN LATERAL (SELECT deployment, batch_id FROM anchor.batch WHERE deployment = d.id ORDER BY batch_id DESC LIMIT 1) b
    WHERE NOT d.retired ORDER BY d.id DESC LIMIT 1
), start AS ( -- leaves are sealed in their order, so those before the newest batch's are in batches
    SELECT CASE WHEN @leaf::bigint > 0 THEN @leaf::bigint
                ELSE coalesce((SELECT min(l.seq) FROM newest n JOIN anchor.batch_leaf m USING (deployment, batch_id) JOIN anchor.leaf l USING (sale_id)), 1)
           END AS seq
), leaves AS MATERIALIZED (
    SELECT seq, sale_id FROM anchor.leaf WHERE seq >= (SELECT seq FROM start) ORDER BY seq LIMIT 20000
), unsealed AS (
    SELECT l.seq, l.sale_id FROM leaves l
    WHERE (SELECT true FROM anchor.batch_leaf m -- a scalar question is one look-up for each leaf; as a join it reads all of batch_leaf
           WHERE m.sale_id = l.sale_id AND m.deployment <> ALL (ARRAY(SELECT id FROM anchor.deployment WHERE retired)) LIMIT 1) IS NULL
    ORDER BY l.seq LIMIT 1
), heard AS (
    SELECT n.deployment, coalesce((SELECT max(a.batch_id) FROM ledger.anchored a WHERE a.deployment = n.deployment), 0) AS batch_id FROM newest n
), unheard AS (
    (SELECT b.deployment, b.batch_id FROM heard h JOIN anchor.batch b ON b.deployment = h.deployment AND b.batch_id > h.batch_id
     ORDER BY b.batch_id LIMIT 1)
    UNION ALL
    (SELECT deployment, batch_id FROM ledger.reannounce WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1)
)
SELECT least((SELECT us FROM repairs), (SELECT us FROM leafless)) AS waits,
       (SELECT s.recorded_at_us FROM unsealed u JOIN sales.sale s USING (sale_id)) AS batch,
       (SELECT min(s.recorded_at_us) FROM unheard JOIN anchor.batch_leaf m USING (deployment, batch_id) JOIN sales.sale s USING (sale_id)) AS anchored,
       coalesce((SELECT us - 1 FROM leafless), (SELECT max(recorded_at_us) FROM fresh)) AS from_us,
       coalesce((SELECT seq FROM unsealed), (SELECT CASE WHEN count(*) < 20000 THEN greatest(max(seq) - 1024, 1) ELSE max(seq) END FROM leaves)) AS leaf
