-- +goose Up
-- Tills sell meanwhile: a lock that is not to be had soon is tried again by the next run.
SET LOCAL lock_timeout = '200ms';

-- Who checks whether a row is intact needs the shop's keys, and up to which recorded_at records have no promise.
GRANT SELECT (kid, jwk, recorded_at) ON sales.promise_key TO ledger;

-- An answer that was altered to what is no JSON has no promise, and holds up nobody who reads others.
-- +goose StatementBegin
CREATE FUNCTION sales.promise_in(answer bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN convert_from(answer, 'UTF8')::jsonb ->> 'promise';
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE OR REPLACE VIEW sales.promise AS SELECT sale_id, sales.promise_in(answer) AS promise FROM sales.sale;

-- Up to which recorded_at records have no promise, whatever clock dated them: those of before the shop gave any. ledger.unpromised is for the alarm,
-- which a sale that a wrong clock dated ahead must not keep from the others.
CREATE TABLE sales.unpromised (
    recorded_at_us bigint PRIMARY KEY
);
INSERT INTO sales.unpromised
SELECT CASE WHEN EXISTS (SELECT FROM ledger.unpromised WHERE recorded_at_us >= 0)
            THEN (SELECT coalesce(max(s.recorded_at_us), -1) FROM sales.sale s JOIN sales.promise p USING (sale_id) WHERE p.promise IS NULL) ELSE -1 END;
GRANT SELECT ON sales.unpromised TO gateway, ledger;

-- What each version of the loyalty rules said, as its gateway read it, so that anyone can make the points anew. Versions that were first used
-- before have null until a gateway starts with them.
CREATE TABLE sales.loyalty_rules_text (
    version text PRIMARY KEY REFERENCES sales.loyalty_rules,
    rules   text NOT NULL
);
GRANT SELECT, INSERT ON sales.loyalty_rules_text TO gateway;

-- What the audit needs beside: the two figures of which the difference is hashed, the version of the rules that an entry was made under, and
-- what is kept of refunds.
CREATE OR REPLACE VIEW audit.sale AS
SELECT sale_id, kind, refund_of, store_id, chain AS terminal_id, idempotency_key, customer_id, currency, total, points_delta, points_balance,
       purchase_number, record_number, '0x' || encode(previous_hash, 'hex') AS previous_hash, recorded_at_us, request, answer, salt,
       '0x' || encode(sale_hash, 'hex') AS sale_hash, points_earned, points_redeemed, rules_version, occurred_at, terminal_seq, seq_reused, external_ref,
       terminal_id AS base_terminal_id
FROM sales.sale;
CREATE OR REPLACE VIEW audit.loyalty_account AS
SELECT customer_id, points_balance, purchases, entries, last_recorded_us AS last_recorded_at_us, bonus_due FROM sales.loyalty_account;
CREATE OR REPLACE VIEW audit.loyalty_entry AS
SELECT customer_id, sale_id, points_delta, points_balance, entry_number, rules_version FROM sales.loyalty_entry;
CREATE OR REPLACE VIEW audit.batch_leaf AS
SELECT m.deployment, m.batch_id, m.leaf_index, m.sale_id, '0x' || encode(l.sale_hash, 'hex') AS sale_hash, l.amount_wei, l.rate_id
FROM anchor.batch_leaf m JOIN anchor.leaf l USING (sale_id);
CREATE OR REPLACE VIEW audit.closing AS
SELECT chain AS terminal_id, closing_number, from_number, to_number, body, records_of, store_id, closed_at_us FROM sales.closing;
CREATE OR REPLACE VIEW audit.batch AS
SELECT b.deployment, d.chain_id, '0x' || encode(d.contract, 'hex') AS contract, b.batch_id, '0x' || encode(b.root, 'hex') AS root,
       b.size::bigint AS size, last.state, true AS ours, b.batch_id <= coalesce(x.ours, 0) AS in_log,
       '0x' || encode(l.root, 'hex') AS log_root, last.block_number
FROM anchor.batch b
JOIN anchor.deployment d ON d.id = b.deployment
LEFT JOIN anchor.extent x ON x.deployment = b.deployment
LEFT JOIN anchor.log l ON l.deployment = b.deployment AND l.batch_id = b.batch_id
LEFT JOIN LATERAL (
    SELECT e.state, CASE WHEN e.state IN ('mined', 'final') THEN e.block_number END AS block_number FROM anchor.batch_event e
    WHERE e.deployment = b.deployment AND e.batch_id = b.batch_id ORDER BY e.id DESC LIMIT 1
) event ON true
CROSS JOIN LATERAL (SELECT coalesce(event.state, 'sealed') AS state, event.block_number) last
UNION ALL
SELECT f.deployment, d.chain_id, '0x' || encode(d.contract, 'hex'), f.batch_id, '0x' || encode(f.root, 'hex'), f.size, 'mined', false, true,
       '0x' || encode(f.log_root, 'hex'), f.block_number
FROM anchor.extent x
JOIN anchor.deployment d ON d.id = x.deployment
JOIN LATERAL (
    SELECT DISTINCT ON (g.batch_id) g.* FROM anchor.foreign_batch g
    WHERE g.deployment = x.deployment AND g.batch_id > x.ours AND g.batch_id <= x.size ORDER BY g.batch_id, g.id DESC
) f ON true;
CREATE VIEW audit.deployment AS
SELECT d.id AS deployment, d.chain_id, '0x' || encode(d.contract, 'hex') AS contract, d.retired,
       (SELECT p.block_number FROM anchor.deployed p WHERE p.deployment = d.id ORDER BY p.id DESC LIMIT 1) AS deployed_block
FROM anchor.deployment d;
CREATE VIEW audit.refund_state AS
SELECT sale_id, total_minor, refunded_minor, points_clawed, points_returned FROM sales.refund_state;
CREATE VIEW audit.loyalty_rules AS
SELECT r.version, '0x' || encode(r.rules_hash, 'hex') AS rules_hash, t.rules, r.first_used_at
FROM sales.loyalty_rules r LEFT JOIN sales.loyalty_rules_text t USING (version);
CREATE VIEW audit.unpromised AS SELECT recorded_at_us FROM sales.unpromised;
GRANT SELECT ON audit.deployment, audit.refund_state, audit.loyalty_rules, audit.unpromised TO auditor;

-- What each view and column means, for whoever reads them with psql (\d+).
COMMENT ON VIEW audit.sale IS 'Every committed record: sales, refunds and the shop''s own. sale_hash is the EIP-712 hash of its fields, keccak256(request) and salt.';
COMMENT ON COLUMN audit.sale.sale_id IS 'UUID v7, in lower case where it is hashed (saleId)';
COMMENT ON COLUMN audit.sale.kind IS 'sale, refund, adjustment or key';
COMMENT ON COLUMN audit.sale.refund_of IS 'of a refund the sale that it is of; null for a sale, and for a return without a receipt ("" where it is hashed)';
COMMENT ON COLUMN audit.sale.store_id IS 'the store of the terminal';
COMMENT ON COLUMN audit.sale.terminal_id IS 'the chain: the terminal, from the second series on with ~ and the series; operator for the shop''s own records';
COMMENT ON COLUMN audit.sale.idempotency_key IS 'under which the terminal sent it; not hashed';
COMMENT ON COLUMN audit.sale.customer_id IS 'null for a guest ("" where it is hashed)';
COMMENT ON COLUMN audit.sale.currency IS 'ISO 4217; XXX for the shop''s own records';
COMMENT ON COLUMN audit.sale.total IS 'in the canonical form that is hashed';
COMMENT ON COLUMN audit.sale.points_delta IS 'points_earned - points_redeemed';
COMMENT ON COLUMN audit.sale.points_balance IS 'the customer''s after this record; 0 for a guest';
COMMENT ON COLUMN audit.sale.purchase_number IS 'from 1 within the customer; 0 for guests and for what is no sale';
COMMENT ON COLUMN audit.sale.record_number IS 'from 1 within terminal_id, without gap';
COMMENT ON COLUMN audit.sale.previous_hash IS 'sale_hash of the record before it in terminal_id; zero for the first';
COMMENT ON COLUMN audit.sale.recorded_at_us IS 'Unix microseconds (recordedAt); grows within a customer';
COMMENT ON COLUMN audit.sale.request IS 'the bytes as received; their keccak256 is hashed (requestHash)';
COMMENT ON COLUMN audit.sale.answer IS 'the bytes of the 201, with the promise';
COMMENT ON COLUMN audit.sale.salt IS '32 random bytes, hashed with the rest';
COMMENT ON COLUMN audit.sale.sale_hash IS 'what the leaf, the promise and the next record of the terminal name';
COMMENT ON COLUMN audit.sale.points_earned IS 'negative on a refund: what is taken back; only the difference to points_redeemed is hashed';
COMMENT ON COLUMN audit.sale.points_redeemed IS 'negative on a refund: what is returned; on a sale the request''s redeem_points';
COMMENT ON COLUMN audit.sale.rules_version IS 'of audit.loyalty_rules, under which the points were made; null for a guest';
COMMENT ON COLUMN audit.sale.occurred_at IS 'by the till''s clock, as in request; null without one';
COMMENT ON COLUMN audit.sale.terminal_seq IS 'the till''s own number, as in request; null without one';
COMMENT ON COLUMN audit.sale.seq_reused IS 'whether an earlier record has this terminal_seq: this one was made offline';
COMMENT ON COLUMN audit.sale.external_ref IS 'as in request; null without one';
COMMENT ON COLUMN audit.sale.base_terminal_id IS 'the terminal, without a series: a terminal_seq is used once within it';
COMMENT ON VIEW audit.terminal IS 'Where each chain of records ends.';
COMMENT ON COLUMN audit.terminal.terminal_id IS 'the chain, as in audit.sale';
COMMENT ON COLUMN audit.terminal.store_id IS 'the store';
COMMENT ON COLUMN audit.terminal.records IS 'how many records the chain has: the last record_number';
COMMENT ON COLUMN audit.terminal.head_hash IS 'sale_hash of the last record; zero while there is none';
COMMENT ON VIEW audit.promise_key IS 'Every key that ever signed promises, as /.well-known/jwks.json serves them.';
COMMENT ON COLUMN audit.promise_key.kid IS 'RFC 7638 thumbprint';
COMMENT ON COLUMN audit.promise_key.jwk IS 'RFC 7517';
COMMENT ON COLUMN audit.promise_key.sale_id IS 'of the record of kind key whose request is this jwk';
COMMENT ON COLUMN audit.promise_key.recorded_at IS 'when it was recorded';
COMMENT ON VIEW audit.loyalty_account IS 'What the gateway keeps of each customer: it must be what the customer''s last entry says.';
COMMENT ON COLUMN audit.loyalty_account.customer_id IS 'the customer';
COMMENT ON COLUMN audit.loyalty_account.points_balance IS 'the sum of the entries'' points_delta';
COMMENT ON COLUMN audit.loyalty_account.purchases IS 'the purchase_number of the last sale';
COMMENT ON COLUMN audit.loyalty_account.entries IS 'how many entries there are';
COMMENT ON COLUMN audit.loyalty_account.last_recorded_at_us IS 'recorded_at_us of the last record';
COMMENT ON COLUMN audit.loyalty_account.bonus_due IS 'whether the first purchase''s bonus waits for a purchase that earns on more than 0';
COMMENT ON VIEW audit.loyalty_entry IS 'Each movement of a customer''s points, one for each record of the customer.';
COMMENT ON COLUMN audit.loyalty_entry.customer_id IS 'the customer';
COMMENT ON COLUMN audit.loyalty_entry.sale_id IS 'the record';
COMMENT ON COLUMN audit.loyalty_entry.points_delta IS 'as in audit.sale';
COMMENT ON COLUMN audit.loyalty_entry.points_balance IS 'after this entry, as in audit.sale';
COMMENT ON COLUMN audit.loyalty_entry.entry_number IS 'from 1 within the customer, without gap';
COMMENT ON COLUMN audit.loyalty_entry.rules_version IS 'of audit.loyalty_rules';
COMMENT ON VIEW audit.batch IS 'Every batch: of the anchor''s own making, and those of another''s that a contract''s log has.';
COMMENT ON COLUMN audit.batch.deployment IS 'the anchor''s number of a contract';
COMMENT ON COLUMN audit.batch.chain_id IS 'EIP-155';
COMMENT ON COLUMN audit.batch.contract IS 'the address';
COMMENT ON COLUMN audit.batch.batch_id IS 'from 1 within the contract';
COMMENT ON COLUMN audit.batch.root IS 'of the batch''s Merkle tree';
COMMENT ON COLUMN audit.batch.size IS 'how many leaves it has';
COMMENT ON COLUMN audit.batch.state IS 'sealed, broadcast, mined, reorged or final';
COMMENT ON COLUMN audit.batch.ours IS 'whether the anchor made it';
COMMENT ON COLUMN audit.batch.in_log IS 'whether it is an entry of the contract''s log as it was last seen';
COMMENT ON COLUMN audit.batch.log_root IS 'root of the log up to this batch: what logRoot was once it was mined';
COMMENT ON COLUMN audit.batch.block_number IS 'of the block that has it; null while none has';
COMMENT ON VIEW audit.deployment IS 'Every contract that batches were anchored at.';
COMMENT ON COLUMN audit.deployment.deployment IS 'the anchor''s number of it';
COMMENT ON COLUMN audit.deployment.chain_id IS 'EIP-155';
COMMENT ON COLUMN audit.deployment.contract IS 'the address';
COMMENT ON COLUMN audit.deployment.retired IS 'whether it counts no more: a contract of an earlier form, whose batches prove nothing';
COMMENT ON COLUMN audit.deployment.deployed_block IS 'from which block on it can have events; null where that is not known';
COMMENT ON VIEW audit.batch_leaf IS 'Which record stands where in which batch.';
COMMENT ON COLUMN audit.batch_leaf.deployment IS 'as in audit.batch';
COMMENT ON COLUMN audit.batch_leaf.batch_id IS 'as in audit.batch';
COMMENT ON COLUMN audit.batch_leaf.leaf_index IS 'from 0, in ascending order of the leaves';
COMMENT ON COLUMN audit.batch_leaf.sale_id IS 'the record';
COMMENT ON COLUMN audit.batch_leaf.sale_hash IS 'that was anchored';
COMMENT ON COLUMN audit.batch_leaf.amount_wei IS 'ceil(total * 10^18 / the rate''s value); leaf = keccak256(keccak256(abi.encode(sale_hash, amount_wei)))';
COMMENT ON COLUMN audit.batch_leaf.rate_id IS 'of audit.rate; null for a total of 0';
COMMENT ON VIEW audit.anchored IS 'What the ledger was told of each anchored record.';
COMMENT ON COLUMN audit.anchored.sale_id IS 'the record';
COMMENT ON COLUMN audit.anchored.deployment IS 'as in audit.batch';
COMMENT ON COLUMN audit.anchored.batch_id IS 'as in audit.batch';
COMMENT ON COLUMN audit.anchored.tx_hash IS 'of the transaction';
COMMENT ON COLUMN audit.anchored.block_number IS 'of its block';
COMMENT ON COLUMN audit.anchored.finality IS 'latest, safe or finalized: what it was said at';
COMMENT ON VIEW audit.closing IS 'Every end of day of a till.';
COMMENT ON COLUMN audit.closing.terminal_id IS 'the chain in whose name it was closed';
COMMENT ON COLUMN audit.closing.closing_number IS 'from 1 within terminal_id';
COMMENT ON COLUMN audit.closing.from_number IS 'the first record_number that it covers';
COMMENT ON COLUMN audit.closing.to_number IS 'the last; from_number - 1 for an empty one';
COMMENT ON COLUMN audit.closing.body IS 'the bytes of the 201, with its promise';
COMMENT ON COLUMN audit.closing.records_of IS 'the ended chain whose records it covers; null for terminal_id''s own';
COMMENT ON COLUMN audit.closing.store_id IS 'the store';
COMMENT ON COLUMN audit.closing.closed_at_us IS 'Unix microseconds';
COMMENT ON VIEW audit.parked IS 'What the services gave up, and what an operator decided.';
COMMENT ON COLUMN audit.parked.sale_id IS 'the record that the message names; null where it names none';
COMMENT ON COLUMN audit.parked.service IS 'which gave it up';
COMMENT ON COLUMN audit.parked.stream IS 'from which it came';
COMMENT ON COLUMN audit.parked.sequence IS 'its number there';
COMMENT ON COLUMN audit.parked.reason IS 'why';
COMMENT ON COLUMN audit.parked.parked_at IS 'when';
COMMENT ON COLUMN audit.parked.state IS 'parked, replayed or discarded';
COMMENT ON COLUMN audit.parked.decided_by IS 'who decided';
COMMENT ON COLUMN audit.parked.decided_because IS 'why';
COMMENT ON COLUMN audit.parked.decided_at IS 'when';
COMMENT ON VIEW audit.rate IS 'What totals were converted at.';
COMMENT ON COLUMN audit.rate.rate_id IS 'its id';
COMMENT ON COLUMN audit.rate.value IS 'currency per ETH, a decimal';
COMMENT ON COLUMN audit.rate.currency IS 'ISO 4217';
COMMENT ON COLUMN audit.rate.tier IS 'live, last good or static';
COMMENT ON COLUMN audit.rate.sources IS 'name, value and time of each source';
COMMENT ON COLUMN audit.rate.observed_at IS 'when the sources said so';
COMMENT ON VIEW audit.rate_accepted IS 'Which jumps of a rate an operator let pass.';
COMMENT ON COLUMN audit.rate_accepted.currency IS 'ISO 4217';
COMMENT ON COLUMN audit.rate_accepted.value IS 'that was accepted';
COMMENT ON COLUMN audit.rate_accepted.accepted_by IS 'who';
COMMENT ON COLUMN audit.rate_accepted.accepted_because IS 'why';
COMMENT ON COLUMN audit.rate_accepted.accepted_at IS 'when';
COMMENT ON VIEW audit.refund_state IS 'What the gateway keeps of each refunded sale: it must be what its refunds come to.';
COMMENT ON COLUMN audit.refund_state.sale_id IS 'the sale';
COMMENT ON COLUMN audit.refund_state.total_minor IS 'its total in the currency''s smallest unit';
COMMENT ON COLUMN audit.refund_state.refunded_minor IS 'the sum of its refunds'' totals';
COMMENT ON COLUMN audit.refund_state.points_clawed IS 'floor(earned * refunded / total)';
COMMENT ON COLUMN audit.refund_state.points_returned IS 'floor(redeemed * refunded / total)';
COMMENT ON VIEW audit.loyalty_rules IS 'The loyalty rules by version.';
COMMENT ON COLUMN audit.loyalty_rules.version IS 'that records and entries name';
COMMENT ON COLUMN audit.loyalty_rules.rules_hash IS 'SHA-256 of the JSON value';
COMMENT ON COLUMN audit.loyalty_rules.rules IS 'the JSON, as LOYALTY_RULES had it; null for a version of which no gateway has told it';
COMMENT ON COLUMN audit.loyalty_rules.first_used_at IS 'when it was first used';
COMMENT ON VIEW audit.unpromised IS 'Up to which record there are no promises: a shop that recorded sales before there were any.';
COMMENT ON COLUMN audit.unpromised.recorded_at_us IS 'Unix microseconds; -1: every record has a promise';

-- +goose Down
DROP VIEW audit.unpromised, audit.loyalty_rules, audit.refund_state, audit.deployment, audit.batch, audit.closing, audit.batch_leaf, audit.loyalty_entry, audit.loyalty_account, audit.sale;
CREATE VIEW audit.sale AS
SELECT sale_id, kind, refund_of, store_id, chain AS terminal_id, idempotency_key, customer_id, currency, total, points_delta, points_balance,
       purchase_number, record_number, '0x' || encode(previous_hash, 'hex') AS previous_hash, recorded_at_us, request, answer, salt,
       '0x' || encode(sale_hash, 'hex') AS sale_hash
FROM sales.sale;
CREATE VIEW audit.loyalty_account AS SELECT customer_id, points_balance, purchases FROM sales.loyalty_account;
CREATE VIEW audit.loyalty_entry AS SELECT customer_id, sale_id, points_delta, points_balance FROM sales.loyalty_entry;
CREATE VIEW audit.batch_leaf AS
SELECT m.deployment, m.batch_id, m.leaf_index, m.sale_id, '0x' || encode(l.sale_hash, 'hex') AS sale_hash, l.amount_wei
FROM anchor.batch_leaf m JOIN anchor.leaf l USING (sale_id);
CREATE VIEW audit.closing AS SELECT chain AS terminal_id, closing_number, from_number, to_number, body FROM sales.closing;
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
GRANT SELECT ON audit.sale, audit.loyalty_account, audit.loyalty_entry, audit.batch, audit.batch_leaf, audit.closing TO auditor;
DROP TABLE sales.loyalty_rules_text;
CREATE OR REPLACE VIEW sales.promise AS SELECT sale_id, convert_from(answer, 'UTF8')::jsonb ->> 'promise' AS promise FROM sales.sale;
DROP FUNCTION sales.promise_in(bytea);
DROP TABLE sales.unpromised;
REVOKE SELECT (kid, jwk, recorded_at) ON sales.promise_key FROM ledger;
