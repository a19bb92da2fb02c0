-- Closes what a full audit did not find any more, but for the kinds that it did not look for.
UPDATE ledger.audit_finding SET cleared_at = @now WHERE cleared_at IS NULL AND run <> @run AND kind <> ALL (@unknown::text[])
