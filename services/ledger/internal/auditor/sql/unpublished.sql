SELECT finding, run, body, found_at FROM ledger.audit_finding WHERE published_at IS NULL AND cleared_at IS NULL ORDER BY found_at, finding LIMIT @rows
