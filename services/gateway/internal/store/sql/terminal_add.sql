WITH terminal AS (INSERT INTO sales.terminal (terminal_id, store_id) VALUES ($1, $2) RETURNING terminal_id),
     status AS (INSERT INTO sales.terminal_status (terminal_id) SELECT terminal_id FROM terminal)
INSERT INTO sales.terminal_key (key_hash, terminal_id, key_number) SELECT $3, terminal_id, 1 FROM terminal;
