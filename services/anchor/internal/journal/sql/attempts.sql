SELECT batch_id, hash, sender, nonce::text, fee_cap_wei::text, tip_cap_wei::text, at
FROM anchor.tx_attempt
WHERE deployment = @deployment AND batch_id = ANY (@batch_ids)
ORDER BY batch_id, at, hash;
