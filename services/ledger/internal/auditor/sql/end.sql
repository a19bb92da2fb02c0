-- Ends an audit of this ledger's.
UPDATE ledger.audit_run SET state = @state, ended_at = @now, why = @why, report = @report, checkpoint = @checkpoint, part = NULL, done = NULL, out_of = NULL
WHERE run = @run AND runner = @runner AND state = 'running'
