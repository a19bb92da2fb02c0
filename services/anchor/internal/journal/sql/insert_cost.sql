-- What a transaction cost, unless the deployment's last row about it says the same: another one may be on another chain, where a transaction
-- can have the same hash. Under a lease that has changed hands nothing is inserted.
INSERT INTO anchor.tx_cost (deployment, batch_id, hash, sender, nonce, failed, block_number, block_hash, gas_used, price_wei, l1_fee_wei)
SELECT @deployment, @batch_id, @hash, @sender, @nonce, @failed, @block_number, @block_hash, @gas_used, @price_wei, @l1_fee_wei
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held
WHERE @block_hash IS DISTINCT FROM (SELECT c.block_hash FROM anchor.tx_cost c WHERE c.deployment = @deployment AND c.hash = @hash ORDER BY c.id DESC LIMIT 1);
