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
CREATE INDEX ON ledger.parked (at, service, stream, sequence); -- the order of ops.ledger.parked.list

-- That an operator released a parked message: its sale counts as any other again, until it is parked anew.
CREATE TABLE ledger.replay (
    service   text NOT NULL,
    stream    text NOT NULL,
    sequence  bigint NOT NULL,
    parked_at timestamptz NOT NULL,
    sale_id   uuid NOT NULL,
    operator  text NOT NULL, -- as they call themselves; '' when they did not say
    reason    text NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (service, stream, sequence, parked_at),
    FOREIGN KEY (service, stream, sequence, parked_at) REFERENCES ledger.parked (service, stream, sequence, at)
);

-- That an operator gave a parked message up: it is no work for anybody any more, and its sale stays without an anchor.
CREATE TABLE ledger.discard (
    service   text NOT NULL,
    stream    text NOT NULL,
    sequence  bigint NOT NULL,
    parked_at timestamptz NOT NULL,
    operator  text NOT NULL CHECK (operator <> ''),
    reason    text NOT NULL CHECK (reason <> ''),
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (service, stream, sequence, parked_at),
    FOREIGN KEY (service, stream, sequence, parked_at) REFERENCES ledger.parked (service, stream, sequence, at)
);

-- Every parked message as it stands now. A replay after a discard counts: a mistake can be mended.
CREATE VIEW ledger.parking AS
SELECT p.*, CASE WHEN r.at IS NOT NULL THEN 'replayed' WHEN d.at IS NOT NULL THEN 'discarded' ELSE 'parked' END AS state,
       coalesce(r.operator, d.operator) AS decided_by, coalesce(r.reason, d.reason) AS decided_because, coalesce(r.at, d.at) AS decided_at
FROM ledger.parked p
LEFT JOIN ledger.replay r ON (r.service, r.stream, r.sequence, r.parked_at) = (p.service, p.stream, p.sequence, p.at)
LEFT JOIN ledger.discard d ON (d.service, d.stream, d.sequence, d.parked_at) = (p.service, p.stream, p.sequence, p.at);

-- What no operator has released: a sale in here is not published again.
CREATE VIEW ledger.held AS
SELECT p.* FROM ledger.parked p
WHERE NOT EXISTS (SELECT FROM ledger.replay r
                  WHERE (r.service, r.stream, r.sequence, r.parked_at) = (p.service, p.stream, p.sequence, p.at));

-- Committed sales that were found without a leaf though their time had come. Rows stay; the open ones are few.
CREATE TABLE ledger.repair (
    sale_id      uuid PRIMARY KEY,
    generation   integer NOT NULL CHECK (generation >= 0), -- how often it was published again; the mark of its Nats-Msg-Id
    published_at timestamptz,                              -- the last time; null: never yet
    next_at      timestamptz                               -- when it is due; null: it has its leaf, or is parked
);
CREATE INDEX repair_open ON ledger.repair (next_at) WHERE next_at IS NOT NULL;

-- Final batches that the ledger had not heard of in full though their time had come.
CREATE TABLE ledger.reannounce (
    deployment bigint NOT NULL,
    batch_id   bigint NOT NULL,
    generation integer NOT NULL CHECK (generation >= 0), -- how often the anchor was asked
    asked_at   timestamptz,
    next_at    timestamptz,                              -- null: all of it is heard
    PRIMARY KEY (deployment, batch_id)
);
CREATE INDEX reannounce_open ON ledger.reannounce (next_at) WHERE next_at IS NOT NULL;

-- Batches that the ledger has not heard to be final, or with a sale whose SaleAnchored it neither keeps nor has parked.
CREATE VIEW ledger.unheard AS
SELECT b.deployment, b.batch_id, b.at FROM anchor.batch b
WHERE NOT EXISTS (SELECT FROM ledger.batch h WHERE h.deployment = b.deployment AND h.batch_id = b.batch_id AND h.state = 'final')
   OR EXISTS (SELECT FROM anchor.batch_leaf m
              WHERE m.deployment = b.deployment AND m.batch_id = b.batch_id
                AND NOT EXISTS (SELECT FROM ledger.anchored a WHERE a.sale_id = m.sale_id AND a.deployment >= m.deployment)
                AND NOT EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = m.sale_id AND h.stream = 'SALES_ANCHORED'));

-- Up to where the reconciler has looked: what lies before is safe, parked, or open in repair or reannounce. It looks at sales
-- twice, in the order of recording, and at the anchor's batch_event once, in the order of its id.
CREATE TABLE ledger.low_water (
    look    text PRIMARY KEY,
    place   bigint NOT NULL, -- recorded_at_us, or the id of a batch_event
    sale_id uuid NOT NULL    -- breaks ties
);
INSERT INTO ledger.low_water SELECT look, -1, '00000000-0000-0000-0000-000000000000' FROM unnest(ARRAY['sales', 'sales again', 'batches']) AS look;

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA ledger TO ledger;
GRANT UPDATE ON ledger.anchored, ledger.batch, ledger.repair, ledger.reannounce, ledger.low_water TO ledger;
REVOKE INSERT ON ledger.low_water FROM ledger;

-- +goose Down
DROP VIEW ledger.unheard, ledger.held, ledger.parking;
DROP TABLE ledger.low_water, ledger.reannounce, ledger.repair, ledger.discard, ledger.replay, ledger.parked, ledger.batch, ledger.anchored;
