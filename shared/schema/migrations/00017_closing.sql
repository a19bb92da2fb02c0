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

-- Closings whose SalesClosed has arrived, and was what is stored. One is published again until it stands here.
CREATE TABLE ledger.closed (
    chain          text NOT NULL,
    closing_number bigint NOT NULL,
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (chain, closing_number)
);

-- Closings that were not in ledger.closed though their time had come. Rows stay; the open ones are few.
CREATE TABLE ledger.reclose (
    chain          text NOT NULL,
    closing_number bigint NOT NULL,
    generation     integer NOT NULL CHECK (generation >= 0), -- how often it was published again; the mark of its Nats-Msg-Id
    published_at   timestamptz,                              -- the last time; null: never yet
    next_at        timestamptz,                              -- when it is due; null: it has arrived
    PRIMARY KEY (chain, closing_number)
);
CREATE INDEX reclose_open ON ledger.reclose (next_at) WHERE next_at IS NOT NULL;

-- Closings are looked at twice, in the order of closed_at_us.
INSERT INTO ledger.low_water SELECT look, -1, '00000000-0000-0000-0000-000000000000' FROM unnest(ARRAY['closings', 'closings again']) AS look;

GRANT SELECT, INSERT ON sales.closing TO gateway;
GRANT SELECT (chain, closing_number, store_id, closed_at_us, body) ON sales.closing TO ledger;
GRANT SELECT, INSERT ON ledger.closed, ledger.reclose TO ledger;
GRANT UPDATE ON ledger.reclose TO ledger;

CREATE VIEW audit.closing AS
SELECT chain AS terminal_id, closing_number, from_number, to_number, body FROM sales.closing;
GRANT SELECT ON audit.closing TO auditor;

-- +goose Down
DROP VIEW audit.closing;
DELETE FROM ledger.low_water WHERE look IN ('closings', 'closings again');
DROP TABLE ledger.reclose, ledger.closed, sales.closing;
