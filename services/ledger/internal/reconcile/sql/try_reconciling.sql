-- The lock that lets one ledger reconcile; its session holds it until it ends.
SELECT ledger.try_reconciling();
