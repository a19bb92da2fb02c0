-- The deployment in use, as far as the journal alone shows it: the newest, or the newest at ANCHOR_CONTRACT.
SELECT id, replay
FROM anchor.deployment
WHERE NOT retired AND (@contract::bytea IS NULL OR contract = @contract)
ORDER BY id DESC
LIMIT 1;
