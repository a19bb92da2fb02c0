-- Last of the locks: the terminals' heads, which serialise each terminal's keys and numbers too. A head is made with its terminal.
SELECT terminal_id, series, records, head_hash FROM sales.terminal_head WHERE terminal_id = ANY ($1::text[]) ORDER BY terminal_id FOR UPDATE;
