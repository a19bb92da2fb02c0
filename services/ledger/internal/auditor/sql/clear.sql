-- Closes what a full audit did not find any more.
UPDATE ledger.audit_finding SET cleared_at = @now WHERE cleared_at IS NULL AND run <> @run
