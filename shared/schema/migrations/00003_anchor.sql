-- +goose Up
-- The anchor's journal: intent before effect, insert-only but for the lease.

-- A deployment is journaled before its transaction is sent; its address follows from deployer and nonce.
CREATE TABLE anchor.deployment (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id     numeric(20) NOT NULL,
    genesis_hash bytea NOT NULL CHECK (length(genesis_hash) = 32),
    contract     bytea NOT NULL CHECK (length(contract) = 20),
    deployer     bytea CHECK (length(deployer) = 20), -- null: given by ANCHOR_CONTRACT
    nonce        numeric(20),
    replay       boolean NOT NULL, -- takes all leaves, not only those that no earlier deployment has sealed
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A rate is one row, not one for each leaf.
CREATE TABLE anchor.rate (
    id          text PRIMARY KEY,
    value       text NOT NULL, -- fiat per ETH
    currency    text NOT NULL,
    tier        text NOT NULL,
    sources     jsonb NOT NULL,
    observed_at text NOT NULL
);

-- The first leaf of a sale stands.
CREATE TABLE anchor.leaf (
    seq        bigint GENERATED ALWAYS AS IDENTITY,
    sale_id    uuid PRIMARY KEY,
    sale_hash  bytea NOT NULL CHECK (length(sale_hash) = 32),
    amount_wei numeric(78) NOT NULL CHECK (amount_wei > 0),
    rate_id    text NOT NULL REFERENCES anchor.rate,
    store_id   text NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX leaf_by_seq ON anchor.leaf (seq);

CREATE TABLE anchor.batch (
    deployment bigint NOT NULL REFERENCES anchor.deployment,
    batch_id   bigint NOT NULL CHECK (batch_id > 0), -- dense within a deployment, as the contract enforces
    root       bytea NOT NULL CHECK (length(root) = 32),
    size       integer NOT NULL CHECK (size > 0),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (deployment, batch_id)
);

CREATE TABLE anchor.batch_leaf (
    deployment bigint NOT NULL,
    sale_id    uuid NOT NULL REFERENCES anchor.leaf,
    batch_id   bigint NOT NULL,
    leaf_index integer NOT NULL CHECK (leaf_index >= 0),
    PRIMARY KEY (sale_id, deployment), -- a sale stands in one batch of a deployment
    UNIQUE (deployment, batch_id, leaf_index),
    FOREIGN KEY (deployment, batch_id) REFERENCES anchor.batch
);

-- Every transaction's signed bytes, kept before they are sent. batch_id 0 is the deploy transaction. A development chain made
-- anew can see the very same transaction again, under another deployment.
CREATE TABLE anchor.tx_attempt (
    hash        bytea NOT NULL CHECK (length(hash) = 32),
    deployment  bigint NOT NULL REFERENCES anchor.deployment,
    batch_id    bigint NOT NULL CHECK (batch_id >= 0),
    sender      bytea NOT NULL CHECK (length(sender) = 20),
    nonce       numeric(20) NOT NULL,
    raw         bytea NOT NULL,
    fee_cap_wei numeric(78) NOT NULL,
    tip_cap_wei numeric(78) NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (deployment, hash)
);
CREATE INDEX ON anchor.tx_attempt (deployment, batch_id);

-- What happened to a batch, in order of id; the last row is its state.
CREATE TABLE anchor.batch_event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment   bigint NOT NULL,
    batch_id     bigint NOT NULL,
    state        text NOT NULL CHECK (state IN ('sealed', 'broadcast', 'mined', 'reorged', 'final')),
    tx_hash      bytea,
    nonce        numeric(20),
    block_number numeric(20),
    block_hash   bytea,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (deployment, batch_id) REFERENCES anchor.batch
);
CREATE INDEX ON anchor.batch_event (deployment, batch_id, id);

-- What every subscriber could have heard, all acknowledged: a batch_event's own message (batch), and the SaleAnchored of
-- all its sales where the event reached ANCHOR_FINALITY (sales).
CREATE TABLE anchor.announced (
    event_id bigint NOT NULL REFERENCES anchor.batch_event,
    what     text NOT NULL CHECK (what IN ('batch', 'sales')),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (event_id, what)
);

-- The fencing epoch: a write of the active anchor names the epoch it took, and one that lost it finds no row.
CREATE TABLE anchor.lease (
    id     boolean PRIMARY KEY DEFAULT true CHECK (id),
    epoch  bigint NOT NULL,
    holder text NOT NULL,
    at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO anchor.lease (epoch, holder) VALUES (0, '');

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA anchor TO anchor;
GRANT UPDATE ON anchor.lease TO anchor;
REVOKE INSERT ON anchor.lease FROM anchor;
GRANT SELECT ON anchor.deployment, anchor.rate, anchor.leaf, anchor.batch, anchor.batch_leaf, anchor.batch_event TO ledger;

-- +goose Down
DROP TABLE anchor.lease, anchor.announced, anchor.batch_event, anchor.tx_attempt, anchor.batch_leaf, anchor.batch, anchor.leaf, anchor.rate, anchor.deployment;
