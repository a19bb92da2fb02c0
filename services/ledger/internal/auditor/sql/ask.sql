-- Asks for an audit, unless there is one; one since the last needs a checkpoint.
INSERT INTO ledger.audit_run (scope, asked_by, asked_at, state, anew)
SELECT @scope, @by, @now, 'asked', @anew
WHERE @scope = 'full' OR EXISTS (SELECT FROM ledger.audit_run WHERE checkpoint IS NOT NULL)
ON CONFLICT ((true)) WHERE state IN ('asked', 'running') DO NOTHING
RETURNING run
