-- +goose Up
-- A record whose total is 0 is worth 0 wei at any rate, and so has none.
ALTER TABLE anchor.leaf DROP CONSTRAINT leaf_amount_wei_check, ALTER COLUMN rate_id DROP NOT NULL;
ALTER TABLE anchor.leaf
    ADD CONSTRAINT leaf_amount_wei_check CHECK (amount_wei >= 0),
    ADD CONSTRAINT leaf_rate_check CHECK ((rate_id IS NULL) = (amount_wei = 0));

-- What sales were converted at.
CREATE VIEW audit.rate AS
SELECT id AS rate_id, value, currency, tier, sources, observed_at FROM anchor.rate;
GRANT SELECT ON audit.rate TO auditor;

-- +goose Down
DROP VIEW audit.rate;
DELETE FROM anchor.batch_leaf WHERE sale_id IN (SELECT sale_id FROM anchor.leaf WHERE rate_id IS NULL);
DELETE FROM anchor.leaf WHERE rate_id IS NULL;
ALTER TABLE anchor.leaf DROP CONSTRAINT leaf_rate_check, DROP CONSTRAINT leaf_amount_wei_check, ALTER COLUMN rate_id SET NOT NULL;
ALTER TABLE anchor.leaf ADD CONSTRAINT leaf_amount_wei_check CHECK (amount_wei > 0);
