-- One key by its number, or with 0 all of them. What is revoked already is left alone.
INSERT INTO sales.key_revocation (key_hash)
SELECT key_hash FROM sales.terminal_key WHERE terminal_id = $1 AND ($2 = 0 OR key_number = $2)
ON CONFLICT DO NOTHING;
