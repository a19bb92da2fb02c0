-- Ends the sessions of gateways that froze, or were lost, in the middle of what they sent. Postgres itself ends one that is idle in its
-- transaction (idle_in_transaction_session_timeout), and waits without limit for the rest of a message or of a COPY.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND state = 'active' AND wait_event = 'ClientRead'
  AND clock_timestamp() - query_start > $1::interval;
