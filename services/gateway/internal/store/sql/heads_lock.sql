-- Last of the locks: the terminals' heads, which serialise each terminal's keys and numbers too. A head is made with its terminal. The
-- transaction's id is for fate.sql.
SELECT terminal_id, series, records, head_hash, pg_current_xact_id()
FROM sales.terminal_head WHERE terminal_id = ANY ($1::text[]) ORDER BY terminal_id COLLATE "C" FOR UPDATE;
