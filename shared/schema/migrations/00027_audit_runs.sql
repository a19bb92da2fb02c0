-- +goose Up
-- Tills sell meanwhile: a lock that is not to be had soon is tried again by the next run.
SET LOCAL lock_timeout = '200ms';

-- What refunds are limited by is not hashed: it must be the total.
CREATE OR REPLACE VIEW audit.sale AS
SELECT sale_id, kind, refund_of, store_id, chain AS terminal_id, idempotency_key, customer_id, currency, total, points_delta, points_balance,
       purchase_number, record_number, '0x' || encode(previous_hash, 'hex') AS previous_hash, recorded_at_us, request, answer, salt,
       '0x' || encode(sale_hash, 'hex') AS sale_hash, points_earned, points_redeemed, rules_version, occurred_at, terminal_seq, seq_reused, external_ref,
       terminal_id AS base_terminal_id, total_minor
FROM sales.sale;
COMMENT ON COLUMN audit.sale.total_minor IS 'total in minor units of the currency, by which refunds are limited; not hashed';

-- The ledger runs the audit itself and reads for it what that reads.
GRANT USAGE ON SCHEMA audit TO ledger;
GRANT SELECT ON audit.sale, audit.terminal, audit.promise_key, audit.unpromised, audit.loyalty_account, audit.loyalty_entry, audit.loyalty_rules,
    audit.refund_state, audit.closing, audit.rate, audit.batch, audit.batch_leaf, audit.deployment TO ledger;

-- The lock by which one ledger audits: an audit of hours does not end because its reconciler stumbles (00009_locks.sql).
-- +goose StatementBegin
CREATE FUNCTION ledger.try_auditing() RETURNS boolean LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT pg_try_advisory_lock(8389207113578053634)'; -- "tlsl" and 2
-- +goose StatementEnd
REVOKE ALL ON FUNCTION ledger.try_auditing() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.try_auditing() TO ledger;

-- The audits that the ledger ran or was asked for, one at a time. Times are the ledger's.
CREATE TABLE ledger.audit_run (
    run        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope      text NOT NULL CHECK (scope IN ('full', 'since')),
    asked_by   text NOT NULL, -- '' for the ledger's own schedule
    anew       text, -- why what earlier ones have seen is asked for no more; null for one that compares it
    asked_at   timestamptz NOT NULL,
    state      text NOT NULL CHECK (state IN ('asked', 'running', 'clean', 'findings', 'failed', 'stopped')),
    runner     uuid, -- of the ledger that runs it: another one that took over writes nothing of it
    started_at timestamptz,
    ended_at   timestamptz,
    stop_by    text, -- who asked it to stop
    part       text, -- what it is at, how many rows of that are done, and of about how many
    done       bigint,
    out_of     bigint,
    why        text, -- it failed
    report     jsonb, -- what was checked, how much of it, and how often what was found
    checkpoint jsonb -- where the next one can begin; of the newest alone
);
CREATE UNIQUE INDEX audit_run_one ON ledger.audit_run ((true)) WHERE state IN ('asked', 'running');
CREATE INDEX audit_run_scope ON ledger.audit_run (scope, run);
CREATE INDEX audit_run_checkpoint ON ledger.audit_run (run) WHERE checkpoint IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON ledger.audit_run TO ledger;

-- What they found: open until a full audit that was completed does not find it any more.
CREATE TABLE ledger.audit_finding (
    finding      text PRIMARY KEY, -- SHA-256 of its kind and its ids, in hexadecimal
    run          bigint NOT NULL REFERENCES ledger.audit_run, -- the last one that found it
    kind         text NOT NULL,
    body         jsonb NOT NULL,
    found_at     timestamptz NOT NULL, -- the first time since it was last cleared
    published_at timestamptz, -- as an event
    cleared_at   timestamptz
);
CREATE INDEX audit_finding_open ON ledger.audit_finding (found_at, finding) WHERE cleared_at IS NULL;
CREATE INDEX audit_finding_unpublished ON ledger.audit_finding (found_at, finding) WHERE published_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON ledger.audit_finding TO ledger;

-- +goose Down
DROP FUNCTION ledger.try_auditing();
DROP TABLE ledger.audit_finding, ledger.audit_run;
REVOKE SELECT ON audit.sale, audit.terminal, audit.promise_key, audit.unpromised, audit.loyalty_account, audit.loyalty_entry, audit.loyalty_rules,
    audit.refund_state, audit.closing, audit.rate, audit.batch, audit.batch_leaf, audit.deployment FROM ledger;
REVOKE USAGE ON SCHEMA audit FROM ledger;
DROP VIEW audit.sale;
CREATE VIEW audit.sale AS
SELECT sale_id, kind, refund_of, store_id, chain AS terminal_id, idempotency_key, customer_id, currency, total, points_delta, points_balance,
       purchase_number, record_number, '0x' || encode(previous_hash, 'hex') AS previous_hash, recorded_at_us, request, answer, salt,
       '0x' || encode(sale_hash, 'hex') AS sale_hash, points_earned, points_redeemed, rules_version, occurred_at, terminal_seq, seq_reused, external_ref,
       terminal_id AS base_terminal_id
FROM sales.sale;
GRANT SELECT ON audit.sale TO auditor;
