-- The deployments on a chain id, newest first.
SELECT d.id, d.genesis_hash, d.contract, d.retired, d.deployer IS NULL, d.replay, d.deployer, coalesce(d.nonce, 0)::text,
       EXISTS (SELECT FROM anchor.batch_event e WHERE e.deployment = d.id AND e.state = 'mined'),
       EXISTS (SELECT FROM anchor.batch_event e WHERE e.deployment = d.id AND e.state = 'final')
FROM anchor.deployment d
WHERE d.chain_id = @chain_id
ORDER BY d.id DESC;
