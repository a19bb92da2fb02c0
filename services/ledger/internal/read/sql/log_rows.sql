-- Rows of a contract's log by their batches: the journal's of the first @ours batches, which never change, and of those above the last one
-- of another's making as of @foreign_row, which says itself what its batch is. LATERAL with a limit keeps the planner at look-ups by key.
SELECT n.batch_id, coalesce(mine.root, other.log_root) AS log_root, coalesce(mine.nodes, other.nodes) AS nodes,
       other.root AS batch_root, other.size AS batch_size
FROM unnest(@batch_ids::bigint[]) AS n (batch_id)
LEFT JOIN LATERAL (
    SELECT l.root, l.nodes FROM anchor.log l
    WHERE n.batch_id <= @ours AND l.deployment = @deployment AND l.batch_id = n.batch_id LIMIT 1
) mine ON true
LEFT JOIN LATERAL (
    SELECT f.log_root, f.nodes, f.root, f.size FROM anchor.foreign_batch f
    WHERE n.batch_id > @ours AND f.deployment = @deployment AND f.batch_id = n.batch_id AND f.id <= @foreign_row ORDER BY f.id DESC LIMIT 1
) other ON true
