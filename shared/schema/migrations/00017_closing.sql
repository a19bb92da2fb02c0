-- +goose Up
-- A till's end of day: what its chain's records from one number to another add up to. The body is the 201's bytes.
CREATE TABLE sales.closing (
    chain           text NOT NULL,
    closing_number  bigint NOT NULL CHECK (closing_number > 0), -- dense from 1 within the chain
    store_id        text NOT NULL,
    terminal_id     text NOT NULL REFERENCES sales.terminal,
    idempotency_key uuid NOT NULL,
    from_number     bigint NOT NULL CHECK (from_number > 0),
    to_number       bigint NOT NULL CHECK (to_number >= from_number - 1), -- one less: an empty one
    closed_at_us    bigint NOT NULL,                                      -- Unix microseconds
    body            bytea NOT NULL,
    PRIMARY KEY (chain, closing_number),
    UNIQUE (terminal_id, idempotency_key), -- keys of closings are apart from those of records
    CHECK (chain = terminal_id OR chain LIKE terminal_id || '~%')
);
CREATE INDEX closing_by_time ON sales.closing (store_id, closed_at_us, chain);
CREATE INDEX closing_lately ON sales.closing (closed_at_us);

-- What SalesClosed said; a closing is said again until it stands here.
CREATE TABLE ledger.closed (
    chain          text NOT NULL,
    closing_number bigint NOT NULL,
    closing_hash   bytea NOT NULL CHECK (length(closing_hash) = 32),
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (chain, closing_number)
);

GRANT SELECT, INSERT ON sales.closing TO gateway;
GRANT SELECT (chain, closing_number, store_id, closed_at_us, body) ON sales.closing TO ledger;
GRANT SELECT, INSERT ON ledger.closed TO ledger;

CREATE VIEW audit.closing AS
SELECT chain AS terminal_id, closing_number, from_number, to_number, body FROM sales.closing;
GRANT SELECT ON audit.closing TO auditor;

-- +goose Down
DROP VIEW audit.closing;
DROP TABLE ledger.closed, sales.closing;
