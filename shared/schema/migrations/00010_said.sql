-- +goose Up
-- A leaf's store is the committed sale's: its SaleAnchored is addressed by it.
GRANT SELECT (store_id) ON sales.sale TO anchor;

-- Which of two sayings about a sale is the later one is told by the anchor's journal, and not by whoever says it: the step of the batch that
-- it speaks of. What was written before is older than any.
ALTER TABLE ledger.anchored ADD COLUMN step bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE ledger.anchored DROP COLUMN step;
REVOKE SELECT (store_id) ON sales.sale FROM anchor;
