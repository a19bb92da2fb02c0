SELECT k.key_hash, t.terminal_id, t.store_id, s.status <> 'active'
FROM sales.terminal_key k
JOIN sales.terminal t ON t.terminal_id = ANY (ARRAY[k.terminal_id]) JOIN sales.terminal_status s ON s.terminal_id = ANY (ARRAY[k.terminal_id])
WHERE k.key_hash = ANY($1::bytea[]) AND NOT EXISTS (SELECT FROM sales.key_revocation r WHERE r.key_hash = k.key_hash OFFSET 0);
