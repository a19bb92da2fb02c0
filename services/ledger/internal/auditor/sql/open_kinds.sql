SELECT kind, count(*) FROM ledger.audit_finding WHERE cleared_at IS NULL GROUP BY kind
