-- The id by which fate.sql finds the outcome of a transaction whose COMMIT got no answer.
SELECT pg_current_xact_id()::text;
