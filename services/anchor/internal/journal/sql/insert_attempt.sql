-- Signed bytes are kept before they are sent; under a lease that has changed hands nothing is inserted.
INSERT INTO anchor.tx_attempt (hash, deployment, batch_id, sender, nonce, raw, fee_cap_wei, tip_cap_wei)
SELECT @hash, @deployment, @batch_id, @sender, @nonce, @raw, @fee_cap_wei, @tip_cap_wei
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held
RETURNING at;
