-- Writes how far an audit is. No row: it is this ledger's no more.
UPDATE ledger.audit_run SET part = @part, done = @done, out_of = @of WHERE run = @run AND runner = @runner AND state = 'running'
RETURNING stop_by IS NOT NULL
