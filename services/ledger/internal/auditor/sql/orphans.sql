-- Ends what another ledger has begun and can't end any more.
UPDATE ledger.audit_run SET state = 'failed', why = 'the ledger that ran it ended', ended_at = @now WHERE state = 'running' AND runner <> @runner
