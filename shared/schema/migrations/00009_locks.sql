-- +goose Up
-- The lock by which one anchor acts, and the one by which one ledger reconciles: each for the role that works under it and nobody else.
-- The functions of Postgres take any key, so that whoever may call them can hold every lock; infra/postgres/roles.sql keeps them from
-- all but this schema's owner, with whose rights these two run. A lock is its session's until that ends, not the function's.
-- +goose StatementBegin
CREATE FUNCTION anchor.try_acting() RETURNS boolean LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT pg_try_advisory_lock(8388354993701151592)'; -- "till" and "anch"
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION ledger.try_reconciling() RETURNS boolean LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT pg_try_advisory_lock(8389207113578053633)'; -- "tlsl" and 1
-- +goose StatementEnd
REVOKE ALL ON FUNCTION anchor.try_acting(), ledger.try_reconciling() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION anchor.try_acting() TO anchor;
GRANT EXECUTE ON FUNCTION ledger.try_reconciling() TO ledger;

-- +goose Down
DROP FUNCTION ledger.try_reconciling();
DROP FUNCTION anchor.try_acting();
