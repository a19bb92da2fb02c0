-- A page of terminals with their live keys: one row a key, and one for a terminal without any. Nobody has a key of the reserved one.
SELECT t.terminal_id, t.store_id, s.status, t.created_at, k.key_number, k.created_at
FROM (SELECT * FROM sales.terminal WHERE terminal_id > $1 AND terminal_id <> 'operator' AND ($2 = '' OR store_id = $2) ORDER BY terminal_id LIMIT $3) t
JOIN sales.terminal_status s ON s.terminal_id = ANY (ARRAY[t.terminal_id])
LEFT JOIN LATERAL (SELECT x.key_number, x.created_at FROM sales.terminal_key x
                   WHERE x.terminal_id = ANY (ARRAY[t.terminal_id])
                     AND NOT EXISTS (SELECT FROM sales.key_revocation r WHERE r.key_hash = x.key_hash OFFSET 0)) k ON true
ORDER BY t.terminal_id, k.key_number;
