-- Who may log in to Postgres, and who owns the database. A superuser runs this file in Tillseal's database whenever it has changed;
-- running it at any other time is harmless. make run does so at each start, docker compose when the database is made, and elsewhere you do:
--     psql -v ON_ERROR_STOP=1 -f infra/postgres/roles.sql "<the superuser's URL of the database>"
-- What a role may do with tables is with the tables, in shared/schema/migrations. No password is here: the superuser sets role
-- migration's, and cmd/migrate those of the others.

DO $$
DECLARE name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('tillseal roles'));
    FOREACH name IN ARRAY ARRAY['migration', 'gateway', 'anchor', 'ledger', 'auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
        EXECUTE format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name);
    END LOOP;
END $$;

-- Owns everything; its URL is DB_ADMIN_URL, which only cmd/migrate is given. It sets the others' passwords.
ALTER ROLE migration CREATEROLE;
GRANT gateway, anchor, ledger, auditor TO migration WITH ADMIN OPTION;

-- Only reads, and holds up neither writers nor the removal of dead rows: a forgotten session ends by itself.
ALTER ROLE auditor SET default_transaction_read_only = on;
ALTER ROLE auditor SET idle_in_transaction_session_timeout = '10min';
-- It can't change these two: it never takes the services' connections, nor fills the disk with what it sorts.
ALTER ROLE auditor CONNECTION LIMIT 10;
ALTER ROLE auditor SET temp_file_limit = '1GB'; -- of each session

-- Functions that Postgres lets everybody call, and with which a role that may only read could stop or fill the database: advisory locks,
-- whose keys all sessions share; large objects and messages in the WAL, which write. The services take their locks through functions in
-- shared/schema/migrations, which run with the migration role's rights; that role keeps the rights that these locks need.
DO $$
DECLARE thing regprocedure;
BEGIN
    FOR thing IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
                 AND (proname ~ '^(pg_(try_)?advisory_|lo_)' OR proname IN ('loread', 'lowrite', 'pg_logical_emit_message')) LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', thing);
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION pg_try_advisory_lock(bigint), pg_advisory_unlock(bigint), pg_advisory_xact_lock(bigint) TO migration;

DO $$
DECLARE thing regclass; call regprocedure; name text;
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO migration', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()); -- nobody makes temporary tables
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO gateway, anchor, ledger, auditor', current_database());
    -- What a superuser made before this role existed.
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname IN ('sales', 'anchor', 'ledger', 'audit') AND nspowner <> 'migration'::regrole LOOP
        EXECUTE format('ALTER SCHEMA %I OWNER TO migration', name);
    END LOOP;
    FOR thing IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.relowner <> 'migration'::regrole AND c.relkind IN ('r', 'p', 'v', 'm')
                   AND (n.nspname IN ('sales', 'anchor', 'ledger', 'audit') OR n.nspname = 'public' AND c.relname = 'goose_db_version') LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO migration', thing); -- views too
    END LOOP;
    FOR call IN SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                WHERE p.proowner <> 'migration'::regrole AND n.nspname IN ('sales', 'anchor', 'ledger', 'audit') LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO migration', call);
    END LOOP;
    -- In a cluster that only Tillseal uses, nobody needs the databases that every cluster has, where everybody may make temporary tables
    -- and large objects.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname NOT IN ('migration', 'gateway', 'anchor', 'ledger', 'auditor')) THEN
        REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
    END IF;
END $$;
