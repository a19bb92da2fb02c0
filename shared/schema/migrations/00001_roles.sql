-- +goose Up
-- Roles belong to the cluster, not to this database: several databases may be migrated at once, so a role that is there
-- already is no error. They have no password here; cmd/migrate sets one where DB_PASSWORD_<ROLE> asks for it.
-- +goose StatementBegin
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('tillseal roles'));
    FOREACH name IN ARRAY ARRAY['gateway', 'anchor', 'ledger', 'auditor'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END $$;
-- +goose StatementEnd
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA sales;
CREATE SCHEMA anchor;
CREATE SCHEMA ledger;
CREATE SCHEMA audit;
GRANT USAGE ON SCHEMA sales TO gateway, ledger;
GRANT USAGE ON SCHEMA anchor TO anchor, ledger;
GRANT USAGE ON SCHEMA ledger TO ledger;
GRANT USAGE ON SCHEMA audit TO auditor;

-- +goose Down
DROP SCHEMA audit CASCADE;
DROP SCHEMA ledger CASCADE;
DROP SCHEMA anchor CASCADE;
DROP SCHEMA sales CASCADE;
