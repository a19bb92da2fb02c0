-- The answer under a used key.
SELECT body FROM sales.closing WHERE terminal_id = $1 AND idempotency_key = $2;
