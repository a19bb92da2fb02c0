-- The session's own limits are those of a till that waits. These end with the transaction.
SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true);
