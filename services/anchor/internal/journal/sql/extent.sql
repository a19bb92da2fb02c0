-- How far a contract's log goes and is final, with its root: that of the journal's last batch in it, or of the last foreign one.
SELECT x.ours, x.size, coalesce((SELECT max(e.batch_id) FROM anchor.batch_event e WHERE e.deployment = x.deployment AND e.state = 'final'), 0),
       CASE WHEN x.size = x.ours THEN (SELECT l.root FROM anchor.log l WHERE l.deployment = x.deployment AND l.batch_id = x.size)
            ELSE (SELECT f.log_root FROM anchor.foreign_batch f WHERE f.deployment = x.deployment AND f.batch_id = x.size ORDER BY f.id DESC LIMIT 1)
       END,
       coalesce((SELECT s.size IS NOT NULL FROM anchor.sighting s WHERE s.deployment = x.deployment ORDER BY s.id DESC LIMIT 1), false)
FROM anchor.extent x WHERE x.deployment = @deployment;
