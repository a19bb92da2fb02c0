-- Signed bytes are kept before they are sent; a lease that moved on finds no row.
INSERT INTO anchor.tx_attempt (hash, deployment, batch_id, sender, nonce, raw, fee_cap_wei, tip_cap_wei)
SELECT @hash, @deployment, @batch_id, @sender, @nonce, @raw, @fee_cap_wei, @tip_cap_wei
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held
RETURNING at;
