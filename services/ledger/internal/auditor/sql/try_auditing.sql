-- The lock that lets one ledger audit; its session holds it until it ends.
SELECT ledger.try_auditing();
