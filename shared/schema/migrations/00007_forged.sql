-- +goose Up
-- A leaf refers to a committed sale: the statement that journals it looks for one with that very id and hash, and the amount is made
-- anew from its total. No foreign key, whose check would lock, and so write to, every sale's row.
GRANT USAGE ON SCHEMA sales TO anchor;
GRANT SELECT (sale_id, sale_hash, currency, total) ON sales.sale TO anchor;

-- Against which rate the next one of a currency is held: the value of the leaf journaled last, or the one that an operator accepted
-- since. A row for each change, so that the last one is found by the key, and of two that would follow the same one, one is refused.
CREATE TABLE anchor.rate_reference (
    currency text NOT NULL,
    number   bigint NOT NULL CHECK (number > 0), -- dense from 1 within the currency
    value    text NOT NULL,                      -- fiat per ETH
    operator text CHECK (operator <> ''),        -- who accepted it; null: a leaf came with it
    reason   text CHECK (reason <> ''),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (currency, number),
    CHECK ((operator IS NULL) = (reason IS NULL))
);
INSERT INTO anchor.rate_reference (currency, number, value)
SELECT DISTINCT ON (r.currency) r.currency, 1, r.value FROM anchor.leaf l JOIN anchor.rate r ON r.id = l.rate_id ORDER BY r.currency, l.seq DESC;
GRANT SELECT, INSERT ON anchor.rate_reference TO anchor;

-- Which jumps of a rate an operator let pass.
CREATE VIEW audit.rate_accepted AS
SELECT currency, value, operator AS accepted_by, reason AS accepted_because, at AS accepted_at FROM anchor.rate_reference WHERE operator IS NOT NULL;
GRANT SELECT ON audit.rate_accepted TO auditor;

-- +goose Down
DROP VIEW audit.rate_accepted;
DROP TABLE anchor.rate_reference;
REVOKE SELECT (sale_id, sale_hash, currency, total) ON sales.sale FROM anchor;
REVOKE USAGE ON SCHEMA sales FROM anchor;
