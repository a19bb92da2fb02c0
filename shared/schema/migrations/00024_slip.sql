-- +goose Up
-- Tills sell meanwhile: what is scanned or built is in the next file, and a lock that is not to be had soon is tried again by the next run.
SET LOCAL lock_timeout = '200ms';

-- A ticket of 0.00 is a sale; an operator's correction of points has no total; a return without a receipt names no sale. A number of the
-- till's came again with a record that was made offline, which has happened: the earlier record keeps the number.
ALTER TABLE sales.sale
    ADD COLUMN seq_reused boolean NOT NULL DEFAULT false,
    ADD COLUMN external_ref text,
    DROP CONSTRAINT sale_kind_check, DROP CONSTRAINT sale_total_minor_check, DROP CONSTRAINT sale_check,
    ADD CONSTRAINT sale_kind_check CHECK (kind IN ('sale', 'refund', 'adjustment', 'key')) NOT VALID,
    ADD CONSTRAINT sale_total_minor_check
        CHECK (CASE kind WHEN 'sale' THEN total_minor >= 0 WHEN 'refund' THEN total_minor > 0 ELSE total_minor = 0 END) NOT VALID,
    ADD CONSTRAINT sale_refund_of_check CHECK (refund_of IS NULL OR kind = 'refund') NOT VALID,
    ADD CONSTRAINT sale_seq_reused_check CHECK (terminal_seq IS NOT NULL OR NOT seq_reused) NOT VALID;

-- The bonus of the first purchase waits where that earned on nothing.
ALTER TABLE sales.loyalty_account ADD COLUMN bonus_due boolean NOT NULL DEFAULT false;

CREATE INDEX terminal_of_store ON sales.terminal (store_id);

-- What was earned and redeemed is in what the ledger publishes again.
GRANT SELECT (points_earned, points_redeemed) ON sales.sale TO ledger;

-- +goose Down
-- Refused by the constraints of before once there are records that they do not know.
REVOKE SELECT (points_earned, points_redeemed) ON sales.sale FROM ledger;
DROP INDEX sales.terminal_of_store;
ALTER TABLE sales.loyalty_account DROP COLUMN bonus_due;
ALTER TABLE sales.sale
    DROP COLUMN external_ref, DROP COLUMN seq_reused,
    DROP CONSTRAINT sale_kind_check, DROP CONSTRAINT sale_total_minor_check, DROP CONSTRAINT sale_refund_of_check,
    ADD CONSTRAINT sale_kind_check CHECK (kind IN ('sale', 'refund', 'key')),
    ADD CONSTRAINT sale_total_minor_check CHECK (CASE WHEN kind IN ('sale', 'refund') THEN total_minor > 0 ELSE total_minor = 0 END),
    ADD CONSTRAINT sale_check CHECK ((kind = 'refund') = (refund_of IS NOT NULL));
