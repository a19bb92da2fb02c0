SELECT $2::integer = 0 OR EXISTS (SELECT FROM sales.terminal_key WHERE terminal_id = $1 AND key_number = $2);
