-- A terminal begins in the present series: one with its id may have been lost with what was recorded after the moment of a restore. The
-- present series is that of the operator's head, which the next series moves with all others: whoever comes second, of a terminal and a
-- series that begins, waits for the other.
WITH present AS MATERIALIZED (SELECT series FROM sales.terminal_head WHERE terminal_id = 'operator' FOR SHARE),
     terminal AS (INSERT INTO sales.terminal (terminal_id, store_id) SELECT $1, $2 FROM present RETURNING terminal_id),
     status AS (INSERT INTO sales.terminal_status (terminal_id) SELECT terminal_id FROM terminal),
     head AS (INSERT INTO sales.terminal_head (terminal_id, series, records, head_hash)
              SELECT terminal_id, series, 0, decode(repeat('00', 32), 'hex') FROM terminal, present)
INSERT INTO sales.terminal_key (key_hash, terminal_id, key_number) SELECT $3, terminal_id, 1 FROM terminal;
