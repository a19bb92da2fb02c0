-- Only the newest checkpoint is begun at.
UPDATE ledger.audit_run SET checkpoint = NULL WHERE checkpoint IS NOT NULL AND run < @run
