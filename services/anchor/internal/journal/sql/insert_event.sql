-- A batch changes from the state that the decision was based on, and under the lease; otherwise nothing is inserted.
INSERT INTO anchor.batch_event (deployment, batch_id, state, tx_hash, nonce, block_number, block_hash)
SELECT @deployment, @batch_id, @state, @tx_hash, @nonce, @block_number, @block_hash
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held
WHERE coalesce((SELECT state FROM anchor.batch_event WHERE deployment = @deployment AND batch_id = @batch_id ORDER BY id DESC LIMIT 1), '')
      = ANY (@from_states::text[]);
