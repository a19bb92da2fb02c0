-- +goose Up
-- Each record has its number at its terminal and names the hash of the one before it, so that none can be left out unseen.

-- Where each terminal's chain of records ends. What moves it holds its lock, so that it also serialises the terminal's keys and numbers.
CREATE TABLE sales.terminal_head (
    terminal_id text PRIMARY KEY REFERENCES sales.terminal,
    series      bigint NOT NULL CHECK (series > 0),
    records     bigint NOT NULL CHECK (records >= 0),             -- of the series: the number of the last one
    head_hash   bytea NOT NULL CHECK (length(head_hash) = 32),    -- sale_hash of the last one; zero while there is none
    CHECK ((records = 0) = (head_hash = decode(repeat('00', 32), 'hex')))
) WITH (fillfactor = 20); -- each group moves its heads: with room on the page no index entry is written for that

-- Series after the first: a database that was restored to an earlier moment goes on in a new one, so that no number is given out twice.
CREATE TABLE sales.series (
    series     bigint PRIMARY KEY CHECK (series > 1),
    operator   text NOT NULL CHECK (operator <> ''), -- who began it
    reason     text NOT NULL CHECK (reason <> ''),
    begun_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The chains that ended with a series.
CREATE TABLE sales.chain_ended (
    chain       text PRIMARY KEY,
    terminal_id text NOT NULL REFERENCES sales.terminal,
    series      bigint NOT NULL CHECK (series > 0),
    records     bigint NOT NULL CHECK (records >= 0),
    head_hash   bytea NOT NULL CHECK (length(head_hash) = 32),
    UNIQUE (terminal_id, series)
);

-- What the shop records itself is recorded at a terminal like any other, whose key nobody has.
-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT FROM sales.terminal WHERE terminal_id = 'operator') THEN
        RAISE EXCEPTION 'this shop has a terminal with the id operator, which is the shop''s own from this version on: it must have another id first';
    END IF;
END
$$;
-- +goose StatementEnd
INSERT INTO sales.terminal (terminal_id, store_id) VALUES ('operator', 'operator');
INSERT INTO sales.terminal_status (terminal_id) VALUES ('operator');

-- The chain of a record is its terminal_id, from the second series on with the series behind it: t1~2.
ALTER TABLE sales.sale ADD COLUMN chain text, ADD COLUMN record_number bigint, ADD COLUMN previous_hash bytea;
UPDATE sales.sale s SET chain = s.terminal_id, record_number = n.number
FROM (SELECT sale_id, row_number() OVER (PARTITION BY terminal_id ORDER BY recorded_at_us, sale_id) AS number FROM sales.sale) n
WHERE n.sale_id = s.sale_id;

-- A gateway of an earlier build that still runs is refused each sale from here on, under the lock that the columns above took: what it wrote
-- would be in no chain, and the next migrations would fail for good. previous_hash follows in the next one.
ALTER TABLE sales.sale
    ALTER COLUMN chain SET NOT NULL,
    ALTER COLUMN record_number SET NOT NULL,
    ADD CONSTRAINT sale_previous_hash CHECK (previous_hash IS NOT NULL) NOT VALID;

-- Such a gateway names no chain. Its tills get a 503 and ask again, while a missing value (class 23) would be a 422 for a good sale.
-- +goose StatementBegin
CREATE FUNCTION sales.no_chain() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a gateway of a build that gives records no place in a chain' USING ERRCODE = '57T01';
END
$$;
-- +goose StatementEnd
ALTER TABLE sales.sale ALTER COLUMN chain SET DEFAULT sales.no_chain();

ALTER TABLE sales.sale DROP CONSTRAINT sale_kind_check, DROP CONSTRAINT sale_total_minor_check;
ALTER TABLE sales.sale
    ADD CONSTRAINT sale_kind_check CHECK (kind IN ('sale', 'refund', 'key')),
    ADD CONSTRAINT sale_total_minor_check CHECK (CASE WHEN kind IN ('sale', 'refund') THEN total_minor > 0 ELSE total_minor = 0 END);

-- +goose Down
DELETE FROM sales.sale WHERE kind = 'key';
ALTER TABLE sales.sale DROP CONSTRAINT sale_kind_check, DROP CONSTRAINT sale_total_minor_check;
ALTER TABLE sales.sale ADD CONSTRAINT sale_kind_check CHECK (kind IN ('sale', 'refund')), ADD CONSTRAINT sale_total_minor_check CHECK (total_minor > 0);
ALTER TABLE sales.sale DROP COLUMN chain, DROP COLUMN record_number, DROP COLUMN previous_hash;
DROP FUNCTION sales.no_chain();
DELETE FROM sales.terminal_status WHERE terminal_id = 'operator';
DELETE FROM sales.terminal WHERE terminal_id = 'operator';
DROP TABLE sales.chain_ended, sales.series, sales.terminal_head;
