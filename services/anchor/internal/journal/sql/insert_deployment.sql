INSERT INTO anchor.deployment (chain_id, genesis_hash, contract, deployer, nonce, replay)
SELECT @chain_id, @genesis_hash, @contract, @deployer, @nonce, @replay
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held
RETURNING id;
