-- +goose Up
-- Up to which seq every leaf is in a batch of a deployment that is not retired: where the ledger's search for promises that are not kept
-- begins. A migration that retires a deployment or removes leaves sets it back to 0, as 00016 does with all marks.
INSERT INTO ledger.low_water VALUES ('leaves', 0, '00000000-0000-0000-0000-000000000000');

-- +goose Down
DELETE FROM ledger.low_water WHERE look = 'leaves';
