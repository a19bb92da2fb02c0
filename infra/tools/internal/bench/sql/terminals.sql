-- The terminals of pgbench's sales; the gateway's are added as an operator does.
WITH made AS (INSERT INTO sales.terminal (terminal_id, store_id) SELECT 't' || n, 's1' FROM generate_series(1, $1::int) AS n RETURNING terminal_id)
INSERT INTO sales.terminal_head (terminal_id, series, records, head_hash) SELECT terminal_id, 1, 0, decode(repeat('00', 32), 'hex') FROM made;
