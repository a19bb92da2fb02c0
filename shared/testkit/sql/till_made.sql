INSERT INTO sales.terminal (terminal_id, store_id) VALUES ($1, 's1') ON CONFLICT DO NOTHING;
