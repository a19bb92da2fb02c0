-- What a transaction whose COMMIT nobody answered is asked about by (fate.sql).
SELECT pg_current_xact_id()::text;
