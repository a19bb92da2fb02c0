-- Ends what an earlier leader has begun: it writes nothing of it any more.
UPDATE ledger.audit_run SET state = 'failed', why = 'the ledger that ran it ended', ended_at = @now, part = NULL, done = NULL, out_of = NULL
WHERE state = 'running'
