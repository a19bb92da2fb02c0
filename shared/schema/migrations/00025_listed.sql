-- +goose NO TRANSACTION

-- +goose Up
-- Beside running tills: no lock that keeps them from selling. A run that was broken off leaves an index that is not valid, which goes first.
ALTER TABLE sales.sale VALIDATE CONSTRAINT sale_kind_check;
ALTER TABLE sales.sale VALIDATE CONSTRAINT sale_total_minor_check;
ALTER TABLE sales.sale VALIDATE CONSTRAINT sale_refund_of_check;
ALTER TABLE sales.sale VALIDATE CONSTRAINT sale_seq_reused_check;

-- What a store's records are listed by, page by page in the order of the index.
DROP INDEX CONCURRENTLY IF EXISTS sales.sale_external_ref;
CREATE INDEX CONCURRENTLY sale_external_ref ON sales.sale (store_id, external_ref, recorded_at_us, chain, record_number)
    WHERE external_ref IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS sales.sale_listed;
CREATE INDEX CONCURRENTLY sale_listed ON sales.sale (chain, recorded_at_us, record_number);

-- A number that came again with an offline record is not unique. The index of before goes last.
DROP INDEX CONCURRENTLY IF EXISTS sales.sale_terminal_seq_once;
CREATE UNIQUE INDEX CONCURRENTLY sale_terminal_seq_once ON sales.sale (terminal_id, terminal_seq) WHERE terminal_seq IS NOT NULL AND NOT seq_reused;
DROP INDEX CONCURRENTLY IF EXISTS sales.sale_terminal_seq;

-- +goose Down
-- Fails where a number was used again, and keeps what the tills need.
DROP INDEX CONCURRENTLY IF EXISTS sales.sale_terminal_seq;
CREATE UNIQUE INDEX CONCURRENTLY sale_terminal_seq ON sales.sale (terminal_id, terminal_seq) WHERE terminal_seq IS NOT NULL;
DROP INDEX CONCURRENTLY sales.sale_terminal_seq_once;
DROP INDEX CONCURRENTLY sales.sale_listed;
DROP INDEX CONCURRENTLY sales.sale_external_ref;
