-- Reads the next events of batches in the order of the anchor's journal: a final batch that has not reached the ledger in full becomes an
-- open announcement, and the mark moves to the last event.
WITH next AS MATERIALIZED (
    SELECT id, deployment, batch_id, state, at FROM anchor.batch_event
    WHERE id > @after AND at < @before ORDER BY id LIMIT 100
), lacking AS (
    INSERT INTO ledger.reannounce AS known (deployment, batch_id, generation, next_at)
    SELECT e.deployment, e.batch_id, 0, max(e.at) + @repair_after::interval FROM next e
    WHERE e.state = 'final'
      AND EXISTS (SELECT FROM ledger.unheard u WHERE u.deployment = e.deployment AND u.batch_id = e.batch_id)
    GROUP BY e.deployment, e.batch_id
    ON CONFLICT (deployment, batch_id) DO UPDATE SET next_at = excluded.next_at WHERE known.next_at IS NULL
    RETURNING 1
), moved AS (
    UPDATE ledger.low_water w SET place = last.id FROM (SELECT max(id) AS id FROM next) last WHERE w.look = @look AND last.id IS NOT NULL
    RETURNING 1
)
SELECT (SELECT count(*) FROM next)::int AS seen, (SELECT count(*) FROM lacking)::int AS lost, (SELECT max(id) FROM next) AS place
