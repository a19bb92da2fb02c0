-- +goose Up
-- A ticket of 0.00 is a sale; an operator's correction of points has no total; a return without a receipt names no sale.
ALTER TABLE sales.sale DROP CONSTRAINT sale_kind_check, DROP CONSTRAINT sale_total_minor_check, DROP CONSTRAINT sale_check;
ALTER TABLE sales.sale
    ADD CONSTRAINT sale_kind_check CHECK (kind IN ('sale', 'refund', 'adjustment', 'key')),
    ADD CONSTRAINT sale_total_minor_check CHECK (CASE kind WHEN 'sale' THEN total_minor >= 0 WHEN 'refund' THEN total_minor > 0 ELSE total_minor = 0 END),
    ADD CONSTRAINT sale_refund_of_check CHECK (refund_of IS NULL OR kind = 'refund');

-- A number of the till's that came again with a record that was made offline, which has happened: the earlier record keeps the number.
ALTER TABLE sales.sale ADD COLUMN seq_reused boolean NOT NULL DEFAULT false CHECK (terminal_seq IS NOT NULL OR NOT seq_reused);
DROP INDEX sales.sale_terminal_seq;
CREATE UNIQUE INDEX sale_terminal_seq ON sales.sale (terminal_id, terminal_seq) WHERE terminal_seq IS NOT NULL AND NOT seq_reused;

-- What a store's records are listed by, page by page in the order of the index.
ALTER TABLE sales.sale ADD COLUMN external_ref text;
CREATE INDEX sale_external_ref ON sales.sale (store_id, external_ref, recorded_at_us, chain, record_number) WHERE external_ref IS NOT NULL;
CREATE INDEX sale_listed ON sales.sale (chain, recorded_at_us, record_number);
CREATE INDEX terminal_of_store ON sales.terminal (store_id);

-- The bonus of the first purchase waits where that earned on nothing.
ALTER TABLE sales.loyalty_account ADD COLUMN bonus_due boolean NOT NULL DEFAULT false;

-- What was earned and redeemed is in what the ledger publishes again.
GRANT SELECT (points_earned, points_redeemed) ON sales.sale TO ledger;

-- +goose Down
REVOKE SELECT (points_earned, points_redeemed) ON sales.sale FROM ledger;
ALTER TABLE sales.loyalty_account DROP COLUMN bonus_due;
DROP INDEX sales.terminal_of_store, sales.sale_listed, sales.sale_terminal_seq;
ALTER TABLE sales.sale DROP COLUMN external_ref, DROP COLUMN seq_reused;
CREATE UNIQUE INDEX sale_terminal_seq ON sales.sale (terminal_id, terminal_seq) WHERE terminal_seq IS NOT NULL;
ALTER TABLE sales.sale DROP CONSTRAINT sale_kind_check, DROP CONSTRAINT sale_total_minor_check, DROP CONSTRAINT sale_refund_of_check;
ALTER TABLE sales.sale
    ADD CONSTRAINT sale_kind_check CHECK (kind IN ('sale', 'refund', 'key')),
    ADD CONSTRAINT sale_total_minor_check CHECK (CASE WHEN kind IN ('sale', 'refund') THEN total_minor > 0 ELSE total_minor = 0 END),
    ADD CONSTRAINT sale_check CHECK ((kind = 'refund') = (refund_of IS NOT NULL));
