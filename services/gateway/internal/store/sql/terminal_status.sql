UPDATE sales.terminal_status s SET status = $2 FROM sales.terminal t
WHERE s.terminal_id = $1 AND t.terminal_id = s.terminal_id RETURNING t.store_id;
