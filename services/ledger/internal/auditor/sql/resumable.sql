SELECT EXISTS (SELECT FROM ledger.audit_run WHERE checkpoint IS NOT NULL)
