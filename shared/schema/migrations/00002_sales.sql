-- +goose Up
-- What the gateway writes. Facts are insert-only; the few tables that move are small and are what is locked.

CREATE TABLE sales.terminal (
    terminal_id text PRIMARY KEY CHECK (terminal_id ~ '^[a-z0-9-]{1,32}$'),
    store_id    text NOT NULL CHECK (store_id ~ '^[a-z0-9-]{1,32}$'),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE sales.terminal_status (
    terminal_id text PRIMARY KEY REFERENCES sales.terminal,
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended'))
);

-- Keys are kept as SHA-256 only: they are 256 random bits, which no dictionary holds.
CREATE TABLE sales.terminal_key (
    key_hash    bytea PRIMARY KEY CHECK (length(key_hash) = 32),
    terminal_id text NOT NULL REFERENCES sales.terminal,
    key_number  integer NOT NULL CHECK (key_number > 0), -- dense from 1 within the terminal: what operators call it
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (terminal_id, key_number)
);

-- A key with a row here lets nobody in any more.
CREATE TABLE sales.key_revocation (
    key_hash   bytea PRIMARY KEY REFERENCES sales.terminal_key,
    revoked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The sale is its own outbox: the anchor's leaf acknowledges it.
CREATE TABLE sales.sale (
    sale_id         uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('sale', 'refund')),
    refund_of       uuid REFERENCES sales.sale,
    store_id        text NOT NULL,
    terminal_id     text NOT NULL,
    idempotency_key uuid NOT NULL,
    terminal_seq    bigint,
    customer_id     text,
    currency        text NOT NULL,
    total           text NOT NULL,               -- canonical form, as it is hashed
    total_minor     bigint NOT NULL CHECK (total_minor > 0),
    points_earned   bigint NOT NULL,             -- negative on a refund: the claw
    points_redeemed bigint NOT NULL,             -- negative on a refund: the return
    points_delta    bigint NOT NULL,
    points_balance  bigint NOT NULL,             -- after this record; 0 for a guest
    purchase_number bigint NOT NULL CHECK (purchase_number >= 0),
    rules_version   text,                        -- of the loyalty rules; null for a guest
    occurred_at     text,                        -- the till's clock, as it was sent
    recorded_at_us  bigint NOT NULL,             -- Unix microseconds
    request         bytea NOT NULL,              -- as received
    fingerprint     bytea NOT NULL CHECK (length(fingerprint) = 32), -- of the record's JSON value
    salt            bytea NOT NULL CHECK (length(salt) = 32),
    sale_hash       bytea NOT NULL CHECK (length(sale_hash) = 32),
    receipt_token   text NOT NULL,
    answer          bytea NOT NULL,              -- the 201's bytes, which every retry gets
    UNIQUE (terminal_id, idempotency_key),       -- exactly once, for ever
    CHECK ((kind = 'refund') = (refund_of IS NOT NULL)),
    CHECK (points_delta = points_earned - points_redeemed)
);
CREATE UNIQUE INDEX sale_terminal_seq ON sales.sale (terminal_id, terminal_seq) WHERE terminal_seq IS NOT NULL; -- most tills send none
CREATE INDEX sale_by_time ON sales.sale (recorded_at_us);
CREATE INDEX sale_refunds ON sales.sale (refund_of) WHERE refund_of IS NOT NULL;

CREATE TABLE sales.loyalty_account (
    customer_id      text PRIMARY KEY,
    points_balance   bigint NOT NULL,
    purchases        bigint NOT NULL CHECK (purchases >= 0),
    entries          bigint NOT NULL CHECK (entries >= 0),
    last_recorded_us bigint NOT NULL -- recorded_at strictly grows within a customer
);

-- No foreign keys: each would cost a look-up and a row lock a sale, and the same transaction has just locked the account and
-- inserted the sale. Neither is ever deleted: the gateway may not.
CREATE TABLE sales.loyalty_entry (
    customer_id    text NOT NULL,
    entry_number   bigint NOT NULL CHECK (entry_number > 0), -- dense from 1 within the customer
    sale_id        uuid NOT NULL UNIQUE,
    points_delta   bigint NOT NULL,
    points_balance bigint NOT NULL, -- after this entry
    rules_version  text NOT NULL,
    PRIMARY KEY (customer_id, entry_number)
);

-- One row for each sale that has a refund, made with its first: what serialises refunds, guests' included.
CREATE TABLE sales.refund_state (
    sale_id         uuid PRIMARY KEY REFERENCES sales.sale,
    total_minor     bigint NOT NULL,
    refunded_minor  bigint NOT NULL CHECK (refunded_minor >= 0 AND refunded_minor <= total_minor),
    points_clawed   bigint NOT NULL,
    points_returned bigint NOT NULL
);

-- What each version of the loyalty rules said when it was first used: entries name their version, which must not come to mean
-- something else.
CREATE TABLE sales.loyalty_rules (
    version       text PRIMARY KEY,
    rules_hash    bytea NOT NULL CHECK (length(rules_hash) = 32), -- SHA-256 of their JSON value
    first_used_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA sales TO gateway;
GRANT UPDATE ON sales.loyalty_account, sales.refund_state, sales.terminal_status TO gateway;
GRANT SELECT ON sales.sale, sales.loyalty_account, sales.loyalty_entry TO ledger;

-- +goose Down
DROP TABLE sales.loyalty_rules, sales.refund_state, sales.loyalty_entry, sales.loyalty_account, sales.sale, sales.key_revocation, sales.terminal_key, sales.terminal_status, sales.terminal;
