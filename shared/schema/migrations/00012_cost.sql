-- +goose Up
-- What the anchorer's mined transactions have cost, by their receipts; batch_id 0 is the deploy transaction. Of several rows with one nonce of
-- an account, which a reorg may give to another transaction or to another block, the last one counts.
CREATE TABLE anchor.tx_cost (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment   bigint NOT NULL REFERENCES anchor.deployment,
    batch_id     bigint NOT NULL CHECK (batch_id >= 0),
    hash         bytea NOT NULL CHECK (length(hash) = 32),
    sender       bytea NOT NULL CHECK (length(sender) = 20),
    nonce        numeric(20) NOT NULL,
    failed       boolean NOT NULL,
    block_number numeric(20) NOT NULL,
    block_hash   bytea NOT NULL CHECK (length(block_hash) = 32),
    gas_used     bigint NOT NULL CHECK (gas_used >= 0),
    price_wei    numeric(78) NOT NULL CHECK (price_wei >= 0),  -- per unit of gas, as it was charged
    l1_fee_wei   numeric(78) NOT NULL CHECK (l1_fee_wei >= 0), -- what a chain charges beside its gas; 0 where the receipt has none
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON anchor.tx_cost (at);
CREATE INDEX ON anchor.tx_cost (hash, id);
GRANT SELECT, INSERT ON anchor.tx_cost TO anchor;

-- +goose Down
DROP TABLE anchor.tx_cost;
