-- +goose Up
-- The contract keeps a log of batches instead of a root for each: contracts of earlier builds have none. Nothing proves what was anchored at
-- one, so it is retired, and the next deployment takes all leaves again.
ALTER TABLE anchor.deployment ADD COLUMN retired boolean NOT NULL DEFAULT false;
UPDATE anchor.deployment SET retired = true;

-- The log of batches (RFC 9162, section 2.1) as the journal has it: what shared/batchlog keeps with each batch, from which the path of any
-- batch in the log of any size follows, and the root of the log of the batches up to this one.
CREATE TABLE anchor.log (
    deployment bigint NOT NULL,
    batch_id   bigint NOT NULL,
    root       bytea NOT NULL CHECK (length(root) = 32),
    nodes      bytea NOT NULL CHECK (length(nodes) % 32 = 0),
    PRIMARY KEY (deployment, batch_id),
    FOREIGN KEY (deployment, batch_id) REFERENCES anchor.batch
);

-- From which block on a contract can have events; the last row counts, since a reorg can move the deploy transaction.
CREATE TABLE anchor.deployed (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment   bigint NOT NULL REFERENCES anchor.deployment,
    block_number numeric(20) NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON anchor.deployed (deployment, id);

-- Batches of another's making in a contract's log, by their events: a stolen key's, or those of a journal that was lost. Of several with
-- one id the last row counts, since a reorg can replace them.
CREATE TABLE anchor.foreign_batch (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment   bigint NOT NULL REFERENCES anchor.deployment,
    batch_id     bigint NOT NULL CHECK (batch_id > 0),
    root         bytea NOT NULL CHECK (length(root) = 32),
    size         bigint NOT NULL CHECK (size > 0), -- what the event says, up to a uint32: no bound of ours holds for it
    log_root     bytea NOT NULL CHECK (length(log_root) = 32),
    nodes        bytea NOT NULL CHECK (length(nodes) % 32 = 0),
    tx_hash      bytea NOT NULL CHECK (length(tx_hash) = 32),
    block_number numeric(20) NOT NULL,
    block_hash   bytea NOT NULL CHECK (length(block_hash) = 32),
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON anchor.foreign_batch (deployment, batch_id, id);

-- That a contract's log was seen to be another than the states of the journal's batches tell: it has `size` batches, the first `ours` of
-- which are the journal's. The last row counts; with nulls it tells that all is as the states tell.
CREATE TABLE anchor.sighting (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment bigint NOT NULL REFERENCES anchor.deployment,
    ours       bigint CHECK (ours >= 0),
    size       bigint CHECK (size >= ours),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((ours IS NULL) = (size IS NULL))
);
CREATE INDEX ON anchor.sighting (deployment, id);

-- How far each contract's log goes, and how many of its first batches are the journal's. They are mined in order: the last one that is
-- mined or final has all below it mined.
CREATE VIEW anchor.extent AS
SELECT d.id AS deployment, coalesce(seen.ours, mined.batch_id, 0) AS ours, coalesce(seen.size, mined.batch_id, 0) AS size
FROM anchor.deployment d
LEFT JOIN LATERAL (
    SELECT s.ours, s.size FROM anchor.sighting s WHERE s.deployment = d.id ORDER BY s.id DESC LIMIT 1
) seen ON true
LEFT JOIN LATERAL (
    SELECT b.batch_id FROM anchor.batch b
    CROSS JOIN LATERAL (
        SELECT e.state FROM anchor.batch_event e WHERE e.deployment = b.deployment AND e.batch_id = b.batch_id ORDER BY e.id DESC LIMIT 1
    ) last
    WHERE b.deployment = d.id AND last.state IN ('mined', 'final') ORDER BY b.batch_id DESC LIMIT 1
) mined ON true
WHERE NOT d.retired;

GRANT SELECT, INSERT ON anchor.log, anchor.deployed, anchor.foreign_batch, anchor.sighting TO anchor;
GRANT SELECT ON anchor.extent TO anchor;
GRANT SELECT ON anchor.log, anchor.deployed, anchor.foreign_batch, anchor.sighting, anchor.extent TO ledger;

-- The rows that are in_log, by batch_id, are the entries of the contract's log; those that are not ours are of another's making.
DROP VIEW audit.batch;
CREATE VIEW audit.batch AS
SELECT b.deployment, d.chain_id, '0x' || encode(d.contract, 'hex') AS contract, b.batch_id, '0x' || encode(b.root, 'hex') AS root,
       b.size::bigint AS size, last.state, true AS ours, b.batch_id <= coalesce(x.ours, 0) AS in_log,
       '0x' || encode(l.root, 'hex') AS log_root
FROM anchor.batch b
JOIN anchor.deployment d ON d.id = b.deployment
LEFT JOIN anchor.extent x ON x.deployment = b.deployment
LEFT JOIN anchor.log l ON l.deployment = b.deployment AND l.batch_id = b.batch_id
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT e.state FROM anchor.batch_event e
                     WHERE e.deployment = b.deployment AND e.batch_id = b.batch_id ORDER BY e.id DESC LIMIT 1), 'sealed') AS state
) last
UNION ALL
SELECT f.deployment, d.chain_id, '0x' || encode(d.contract, 'hex'), f.batch_id, '0x' || encode(f.root, 'hex'), f.size, 'mined', false, true,
       '0x' || encode(f.log_root, 'hex')
FROM anchor.extent x
JOIN anchor.deployment d ON d.id = x.deployment
JOIN LATERAL (
    SELECT DISTINCT ON (g.batch_id) g.* FROM anchor.foreign_batch g
    WHERE g.deployment = x.deployment AND g.batch_id > x.ours AND g.batch_id <= x.size ORDER BY g.batch_id, g.id DESC
) f ON true;
GRANT SELECT ON audit.batch TO auditor;

-- What is final at a retired contract is not announced again: its leaves stand in batches of the next deployment.
CREATE OR REPLACE VIEW ledger.unheard AS
SELECT b.deployment, b.batch_id, b.at FROM anchor.batch b
WHERE NOT EXISTS (SELECT FROM anchor.deployment d WHERE d.id = b.deployment AND d.retired)
  AND (NOT EXISTS (SELECT FROM ledger.batch h WHERE h.deployment = b.deployment AND h.batch_id = b.batch_id AND h.state = 'final')
       OR EXISTS (SELECT FROM anchor.batch_leaf m
                  WHERE m.deployment = b.deployment AND m.batch_id = b.batch_id
                    AND NOT EXISTS (SELECT FROM ledger.anchored a WHERE a.sale_id = m.sale_id AND a.deployment >= m.deployment)
                    AND NOT EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = m.sale_id AND h.stream = 'SALES_ANCHORED')));

-- +goose Down
CREATE OR REPLACE VIEW ledger.unheard AS
SELECT b.deployment, b.batch_id, b.at FROM anchor.batch b
WHERE NOT EXISTS (SELECT FROM ledger.batch h WHERE h.deployment = b.deployment AND h.batch_id = b.batch_id AND h.state = 'final')
   OR EXISTS (SELECT FROM anchor.batch_leaf m
              WHERE m.deployment = b.deployment AND m.batch_id = b.batch_id
                AND NOT EXISTS (SELECT FROM ledger.anchored a WHERE a.sale_id = m.sale_id AND a.deployment >= m.deployment)
                AND NOT EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = m.sale_id AND h.stream = 'SALES_ANCHORED'));
DROP VIEW audit.batch;
CREATE VIEW audit.batch AS
SELECT b.deployment, d.chain_id, '0x' || encode(d.contract, 'hex') AS contract, b.batch_id,
       '0x' || encode(b.root, 'hex') AS root, b.size,
       coalesce((SELECT e.state FROM anchor.batch_event e
                 WHERE e.deployment = b.deployment AND e.batch_id = b.batch_id ORDER BY e.id DESC LIMIT 1), 'sealed') AS state
FROM anchor.batch b JOIN anchor.deployment d ON d.id = b.deployment;
GRANT SELECT ON audit.batch TO auditor;
DROP VIEW anchor.extent;
DROP TABLE anchor.sighting, anchor.foreign_batch, anchor.deployed, anchor.log;
ALTER TABLE anchor.deployment DROP COLUMN retired;
