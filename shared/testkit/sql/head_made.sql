INSERT INTO sales.terminal_head (terminal_id, series, records, head_hash) VALUES ($1, 1, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
