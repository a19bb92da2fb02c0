-- Ends what an earlier leader has begun: it writes nothing of it any more.
UPDATE ledger.audit_run SET state = 'failed', why = 'the ledger that ran it ended', ended_at = @now WHERE state = 'running'
