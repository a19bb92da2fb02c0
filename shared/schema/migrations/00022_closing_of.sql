-- +goose Up
-- What a chain that has ended left is closed in the name of a later one, since a database that was restored may lack closings in the name of
-- the ended one.
ALTER TABLE sales.closing
    ADD COLUMN records_of text, -- the ended chain whose records they are; null: those of the closing's own chain
    ADD CONSTRAINT closing_records_of CHECK (records_of <> chain AND (records_of = terminal_id OR records_of LIKE terminal_id || '~%'));
-- No record is in two closings, in whichever chain's name they are: a closing begins after the one before it.
CREATE UNIQUE INDEX closing_of_records ON sales.closing (coalesce(records_of, chain), from_number) WHERE to_number >= from_number;
CREATE INDEX closing_last ON sales.closing (coalesce(records_of, chain), to_number, closed_at_us);

-- +goose Down
ALTER TABLE sales.closing DROP COLUMN records_of;
