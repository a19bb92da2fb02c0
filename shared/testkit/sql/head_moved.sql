UPDATE sales.terminal_head SET records = $2, head_hash = $3 WHERE terminal_id = $1;
