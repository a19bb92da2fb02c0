SELECT k.key_number, k.created_at FROM sales.terminal_key k
WHERE k.terminal_id = $1 AND NOT EXISTS (SELECT FROM sales.key_revocation r WHERE r.key_hash = k.key_hash OFFSET 0)
ORDER BY k.key_number;
