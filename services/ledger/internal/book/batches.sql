-- The latest step of each batch; an older one, delivered again, changes nothing.
INSERT INTO ledger.batch AS held (deployment, batch_id, root, size, state, tx_hash, nonce, block_number, block_hash, sequence, at)
SELECT DISTINCT ON (deployment, batch_id)
       deployment, batch_id, root, size, state, tx_hash, nonce::numeric, block_number::numeric, block_hash, sequence, at
FROM unnest(@deployment::bigint[], @batch_id::bigint[], @root::bytea[], @size::integer[], @state::text[], @tx_hash::bytea[],
            @nonce::text[], @block_number::text[], @block_hash::bytea[], @sequence::bigint[], @at::timestamptz[])
     AS said (deployment, batch_id, root, size, state, tx_hash, nonce, block_number, block_hash, sequence, at)
ORDER BY deployment, batch_id, sequence DESC
ON CONFLICT (deployment, batch_id) DO UPDATE SET
    root = excluded.root, size = excluded.size, state = excluded.state, tx_hash = excluded.tx_hash, nonce = excluded.nonce,
    block_number = excluded.block_number, block_hash = excluded.block_hash, sequence = excluded.sequence, at = excluded.at
WHERE held.sequence < excluded.sequence
