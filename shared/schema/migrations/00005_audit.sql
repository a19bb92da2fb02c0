-- +goose Up
-- The stable face for auditors and outside checks (infra/docs/CONTRACT.md, 7.2): names and columns here are a contract.

CREATE VIEW audit.sale AS
SELECT sale_id, kind, refund_of, store_id, terminal_id, idempotency_key, customer_id, currency, total,
       points_delta, points_balance, purchase_number, recorded_at_us, request, salt
FROM sales.sale;

CREATE VIEW audit.loyalty_account AS
SELECT customer_id, points_balance, purchases FROM sales.loyalty_account;

CREATE VIEW audit.loyalty_entry AS
SELECT customer_id, sale_id, points_delta, points_balance FROM sales.loyalty_entry;

CREATE VIEW audit.batch AS
SELECT b.deployment, d.chain_id, '0x' || encode(d.contract, 'hex') AS contract, b.batch_id,
       '0x' || encode(b.root, 'hex') AS root, b.size,
       coalesce((SELECT e.state FROM anchor.batch_event e
                 WHERE e.deployment = b.deployment AND e.batch_id = b.batch_id ORDER BY e.id DESC LIMIT 1), 'sealed') AS state
FROM anchor.batch b JOIN anchor.deployment d ON d.id = b.deployment;

CREATE VIEW audit.batch_leaf AS
SELECT m.deployment, m.batch_id, m.leaf_index, m.sale_id, '0x' || encode(l.sale_hash, 'hex') AS sale_hash, l.amount_wei
FROM anchor.batch_leaf m JOIN anchor.leaf l USING (sale_id);

CREATE VIEW audit.anchored AS
SELECT sale_id, deployment, batch_id, '0x' || encode(tx_hash, 'hex') AS tx_hash, block_number, finality
FROM ledger.anchored;

-- What the services gave up, and what an operator decided. A committed sale without a leaf stands in here, or is on its way.
CREATE VIEW audit.parked AS
SELECT sale_id, service, stream, sequence, reason, at AS parked_at, state, decided_by, decided_because, decided_at
FROM ledger.parking;

GRANT SELECT ON ALL TABLES IN SCHEMA audit TO auditor;

-- +goose Down
DROP VIEW audit.parked, audit.anchored, audit.batch_leaf, audit.batch, audit.loyalty_entry, audit.loyalty_account, audit.sale;
