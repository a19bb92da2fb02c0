-- A terminal begins in the present series: one with its id may have been lost with what was recorded after the moment of a restore.
WITH terminal AS (INSERT INTO sales.terminal (terminal_id, store_id) VALUES ($1, $2) RETURNING terminal_id),
     status AS (INSERT INTO sales.terminal_status (terminal_id) SELECT terminal_id FROM terminal),
     head AS (INSERT INTO sales.terminal_head (terminal_id, series, records, head_hash)
              SELECT terminal_id, coalesce((SELECT max(series) FROM sales.series), 1), 0, decode(repeat('00', 32), 'hex') FROM terminal)
INSERT INTO sales.terminal_key (key_hash, terminal_id, key_number) SELECT $3, terminal_id, 1 FROM terminal;
