-- Also of those that were cleared meanwhile: they were found.
SELECT finding, run, body, found_at FROM ledger.audit_finding WHERE published_at IS NULL ORDER BY found_at, finding LIMIT @rows
