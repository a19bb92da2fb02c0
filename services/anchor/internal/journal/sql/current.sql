-- The deployment that is anchored on, as far as the journal alone can tell: the newest, or the newest at ANCHOR_CONTRACT.
SELECT id, replay
FROM anchor.deployment
WHERE @contract::bytea IS NULL OR contract = @contract
ORDER BY id DESC
LIMIT 1;
