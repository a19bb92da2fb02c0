-- The audit that is asked for or runs, and of each scope the last that ended and the last that was completed.
WITH of_scope AS (
    SELECT (SELECT max(run) FROM ledger.audit_run r WHERE r.scope = s.scope AND r.state IN ('clean', 'findings', 'failed', 'stopped') AND started_at IS NOT NULL) AS ended,
           (SELECT max(run) FROM ledger.audit_run r WHERE r.scope = s.scope AND r.state IN ('clean', 'findings')) AS completed
    FROM (VALUES ('full'), ('since')) AS s (scope)
)
SELECT run, scope, asked_by, anew, asked_at, state, started_at, ended_at, stop_by, part, done, out_of, why, report FROM ledger.audit_run
WHERE state IN ('asked', 'running') OR run IN (SELECT ended FROM of_scope UNION SELECT completed FROM of_scope)
ORDER BY run
