-- Whether whoever may only read may take any advisory lock.
SELECT has_function_privilege('auditor', 'pg_advisory_lock(bigint)', 'execute');
