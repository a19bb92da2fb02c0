UPDATE ledger.audit_finding SET published_at = @now WHERE finding = ANY (@findings)
