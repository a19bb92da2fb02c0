-- +goose Up
ALTER TABLE sales.sale ALTER COLUMN previous_hash SET NOT NULL, DROP CONSTRAINT IF EXISTS sale_previous_hash;
ALTER TABLE sales.sale
    ADD CHECK (chain = terminal_id OR chain LIKE terminal_id || '~%'),
    ADD CHECK (record_number > 0),
    ADD CHECK (length(previous_hash) = 32),
    ADD CONSTRAINT sale_record_number UNIQUE (chain, record_number); -- two records never share a number
INSERT INTO sales.terminal_head (terminal_id, series, records, head_hash)
SELECT t.terminal_id, 1, coalesce(last.record_number, 0), coalesce(last.sale_hash, decode(repeat('00', 32), 'hex'))
FROM sales.terminal t
LEFT JOIN LATERAL (
    SELECT s.record_number, s.sale_hash FROM sales.sale s WHERE s.chain = t.terminal_id ORDER BY s.record_number DESC LIMIT 1
) last ON true;

-- A row with its promise is longer than the 2 kB from which Postgres compresses, which costs more time than all else that it does for a sale.
ALTER TABLE sales.sale SET (toast_tuple_target = 8160);

-- What was anchored before is the hash of another form and proves nothing: the deployments are retired, and all sales are priced and anchored
-- again, as soon as the reconciler finds them without a leaf.
UPDATE anchor.deployment SET retired = true;
DELETE FROM anchor.batch_leaf;
DELETE FROM anchor.leaf;
DELETE FROM ledger.anchored;
DELETE FROM ledger.repair;
DELETE FROM ledger.reannounce;
UPDATE ledger.low_water SET place = -1, sale_id = '00000000-0000-0000-0000-000000000000';

-- Every key that ever signed promises, by its thumbprint (RFC 7638). The record of kind key that names it is committed with its row.
CREATE TABLE sales.promise_key (
    kid         text PRIMARY KEY,
    jwk         text NOT NULL, -- RFC 7517, as it is served
    sale_id     uuid NOT NULL UNIQUE,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The promise of a record is in its answer, of which the ledger may see nothing else.
CREATE VIEW sales.promise AS
SELECT sale_id, convert_from(answer, 'UTF8')::jsonb ->> 'promise' AS promise FROM sales.sale;

GRANT SELECT, INSERT ON sales.terminal_head, sales.series, sales.chain_ended, sales.promise_key TO gateway;
GRANT UPDATE ON sales.terminal_head TO gateway;
GRANT SELECT (chain, record_number, previous_hash) ON sales.sale TO ledger;
GRANT SELECT ON sales.promise TO ledger;

-- terminal_id is the chain's name, since that is what is hashed.
DROP VIEW audit.sale;
CREATE VIEW audit.sale AS
SELECT sale_id, kind, refund_of, store_id, chain AS terminal_id, idempotency_key, customer_id, currency, total, points_delta, points_balance,
       purchase_number, record_number, '0x' || encode(previous_hash, 'hex') AS previous_hash, recorded_at_us, request, answer, salt,
       '0x' || encode(sale_hash, 'hex') AS sale_hash
FROM sales.sale;

CREATE VIEW audit.terminal AS
SELECT terminal_id || CASE WHEN h.series > 1 THEN '~' || h.series ELSE '' END AS terminal_id, t.store_id, h.records,
       '0x' || encode(h.head_hash, 'hex') AS head_hash
FROM sales.terminal_head h JOIN sales.terminal t USING (terminal_id)
UNION ALL
SELECT e.chain, t.store_id, e.records, '0x' || encode(e.head_hash, 'hex') FROM sales.chain_ended e JOIN sales.terminal t USING (terminal_id);

CREATE VIEW audit.promise_key AS SELECT kid, jwk, sale_id, recorded_at FROM sales.promise_key;
GRANT SELECT ON audit.sale, audit.terminal, audit.promise_key TO auditor;

-- +goose Down
DROP VIEW audit.promise_key, audit.terminal, audit.sale;
CREATE VIEW audit.sale AS
SELECT sale_id, kind, refund_of, store_id, terminal_id, idempotency_key, customer_id, currency, total,
       points_delta, points_balance, purchase_number, recorded_at_us, request, salt
FROM sales.sale;
GRANT SELECT ON audit.sale TO auditor;
REVOKE SELECT (chain, record_number, previous_hash) ON sales.sale FROM ledger;
DROP VIEW sales.promise;
DROP TABLE sales.promise_key;
DELETE FROM sales.terminal_head;
ALTER TABLE sales.sale DROP CONSTRAINT sale_record_number;
ALTER TABLE sales.sale ALTER COLUMN previous_hash DROP NOT NULL;
