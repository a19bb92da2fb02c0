-- +goose Up
-- What the ledger was told: rows move only forward, to a later saying about the same sale or batch.

CREATE TABLE ledger.anchored (
    sale_id      uuid PRIMARY KEY,
    deployment   bigint NOT NULL,
    batch_id     bigint NOT NULL,
    leaf_index   integer NOT NULL,
    store_id     text NOT NULL,
    sale_hash    bytea NOT NULL CHECK (length(sale_hash) = 32),
    amount_wei   numeric(78) NOT NULL,
    leaf         bytea NOT NULL CHECK (length(leaf) = 32),
    proof        bytea NOT NULL CHECK (length(proof) % 32 = 0), -- siblings from the leaf up, 32 bytes each
    root         bytea NOT NULL CHECK (length(root) = 32),
    chain_id     numeric(20) NOT NULL,
    contract     bytea NOT NULL CHECK (length(contract) = 20),
    tx_hash      bytea NOT NULL CHECK (length(tx_hash) = 32),
    block_number numeric(20) NOT NULL,
    block_hash   bytea NOT NULL CHECK (length(block_hash) = 32),
    finality     text NOT NULL CHECK (finality IN ('latest', 'safe', 'finalized')),
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON ledger.anchored (deployment, batch_id);

CREATE TABLE ledger.batch (
    deployment   bigint NOT NULL,
    batch_id     bigint NOT NULL,
    root         bytea NOT NULL CHECK (length(root) = 32),
    size         integer NOT NULL,
    state        text NOT NULL CHECK (state IN ('sealed', 'broadcast', 'mined', 'reorged', 'final')),
    tx_hash      bytea,
    nonce        numeric(20),
    block_number numeric(20),
    block_hash   bytea,
    sequence     bigint NOT NULL, -- of the event that said so; an older one changes nothing
    at           timestamptz NOT NULL,
    PRIMARY KEY (deployment, batch_id)
);

CREATE TABLE ledger.parked (
    stream    text NOT NULL,
    sequence  bigint NOT NULL,
    service   text NOT NULL,
    reason    text NOT NULL,
    subject   text NOT NULL,
    sale_id   uuid,
    data      bytea NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (service, stream, sequence, at)
);
CREATE INDEX ON ledger.parked (sale_id);

-- That an operator released a parked message: its sale counts as any other again, until it is parked anew.
CREATE TABLE ledger.replay (
    service   text NOT NULL,
    stream    text NOT NULL,
    sequence  bigint NOT NULL,
    parked_at timestamptz NOT NULL,
    sale_id   uuid NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (service, stream, sequence, parked_at),
    FOREIGN KEY (service, stream, sequence, parked_at) REFERENCES ledger.parked (service, stream, sequence, at)
);
CREATE INDEX ON ledger.replay (at);

-- What is parked still.
CREATE VIEW ledger.held AS
SELECT p.* FROM ledger.parked p
WHERE NOT EXISTS (SELECT FROM ledger.replay r
                  WHERE (r.service, r.stream, r.sequence, r.parked_at) = (p.service, p.stream, p.sequence, p.at));

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA ledger TO ledger;
GRANT UPDATE ON ledger.anchored, ledger.batch TO ledger;

-- +goose Down
DROP VIEW ledger.held;
DROP TABLE ledger.replay, ledger.parked, ledger.batch, ledger.anchored;
