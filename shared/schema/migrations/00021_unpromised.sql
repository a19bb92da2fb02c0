-- +goose Up
-- Up to which recorded_at sales have no promise, in Unix microseconds: those of before the shop gave any. The ledger's alarm about promises
-- leaves them out. -1: every sale has one. A sale that a wrong clock dated ahead does not take the others' promises with it.
CREATE TABLE ledger.unpromised (
    recorded_at_us bigint PRIMARY KEY
);
INSERT INTO ledger.unpromised
SELECT coalesce(max(least(s.recorded_at_us, (extract(epoch FROM now()) * 1000000)::bigint)), -1) FROM sales.sale s JOIN sales.promise p USING (sale_id) WHERE p.promise IS NULL;
GRANT SELECT ON ledger.unpromised TO ledger;

-- +goose Down
DROP TABLE ledger.unpromised;
