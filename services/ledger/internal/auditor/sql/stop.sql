-- Asks the audit to stop; one that has not begun is stopped at once.
UPDATE ledger.audit_run SET stop_by = @by, state = CASE state WHEN 'asked' THEN 'stopped' ELSE state END,
    ended_at = CASE state WHEN 'asked' THEN @now::timestamptz END
WHERE state IN ('asked', 'running') RETURNING run, state
