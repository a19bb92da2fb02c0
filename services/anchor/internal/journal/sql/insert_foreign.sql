INSERT INTO anchor.foreign_batch (deployment, batch_id, root, size, log_root, nodes, tx_hash, block_number, block_hash)
SELECT @deployment, batch_id, root, size, log_root, nodes, tx_hash, block_number::numeric, block_hash
FROM unnest(@batch_id::bigint[], @root::bytea[], @size::bigint[], @log_root::bytea[], @nodes::bytea[], @tx_hash::bytea[], @block_number::text[],
            @block_hash::bytea[]) AS f (batch_id, root, size, log_root, nodes, tx_hash, block_number, block_hash);
