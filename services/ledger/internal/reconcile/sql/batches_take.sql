-- Takes the batches that are due, the oldest first: one that has reached the ledger in full by now is closed, each other gets its next
-- time before the anchor is asked to announce it. Returns all of them, and whether each is still lacking.
WITH due AS MATERIALIZED (
    SELECT deployment, batch_id FROM ledger.reannounce
    WHERE next_at IS NOT NULL AND next_at <= @due ORDER BY next_at, deployment, batch_id LIMIT @rows
), judged AS MATERIALIZED (
    SELECT due.*, EXISTS (SELECT FROM ledger.unheard u WHERE u.deployment = due.deployment AND u.batch_id = due.batch_id) AS lacking FROM due
), taken AS (
    UPDATE ledger.reannounce r
    SET generation = r.generation + j.lacking::int, asked_at = CASE WHEN j.lacking THEN @now ELSE r.asked_at END,
        next_at = CASE WHEN j.lacking
                       THEN @now::timestamptz + least(@longest::interval, @first::interval * power(2, least(r.generation, 20))) END
    FROM judged j WHERE r.deployment = j.deployment AND r.batch_id = j.batch_id
    RETURNING r.deployment, r.batch_id, j.lacking
)
SELECT deployment, batch_id, lacking FROM taken ORDER BY deployment, batch_id
