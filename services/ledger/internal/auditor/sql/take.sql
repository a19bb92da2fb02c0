-- Takes the audit that was asked for, with the newest checkpoint unless it is to begin anew.
UPDATE ledger.audit_run SET state = 'running', runner = @runner, started_at = @now WHERE state = 'asked'
RETURNING run, scope, CASE WHEN anew IS NULL THEN (SELECT c.checkpoint FROM ledger.audit_run c WHERE c.checkpoint IS NOT NULL ORDER BY c.run DESC LIMIT 1) END
