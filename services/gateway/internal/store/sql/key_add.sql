-- The guard: a terminal has at most $3 live keys.
INSERT INTO sales.terminal_key (key_hash, terminal_id, key_number)
SELECT $2, $1, 1 + (SELECT max(key_number) FROM sales.terminal_key WHERE terminal_id = $1)
WHERE $3 > (SELECT count(*) FROM sales.terminal_key k
            WHERE k.terminal_id = $1 AND NOT EXISTS (SELECT FROM sales.key_revocation r WHERE r.key_hash = k.key_hash OFFSET 0))
RETURNING key_number;
