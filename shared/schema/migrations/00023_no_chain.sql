-- +goose Up
-- As in 00014, for databases that were migrated before it had this.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION sales.no_chain() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a gateway of a build that gives records no place in a chain' USING ERRCODE = '57T01';
END
$$;
-- +goose StatementEnd
ALTER TABLE sales.sale ALTER COLUMN chain SET DEFAULT sales.no_chain();

-- +goose Down
SELECT 1; -- 00014 takes it back
