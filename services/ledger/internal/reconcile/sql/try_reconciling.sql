-- The lock by which one ledger reconciles: its session's, until that ends.
SELECT ledger.try_reconciling();
