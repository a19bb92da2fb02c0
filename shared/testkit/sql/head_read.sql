SELECT records, head_hash FROM sales.terminal_head WHERE terminal_id = $1;
