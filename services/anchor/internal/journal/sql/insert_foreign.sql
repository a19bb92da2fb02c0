-- A foreign batch, unless the last row with its id says the same.
INSERT INTO anchor.foreign_batch (deployment, batch_id, root, size, log_root, nodes, tx_hash, block_number, block_hash)
SELECT @deployment, @batch_id, @root, @size, @log_root, @nodes, @tx_hash, @block_number, @block_hash
WHERE NOT EXISTS (
    SELECT FROM (
        SELECT log_root, tx_hash, block_hash FROM anchor.foreign_batch
        WHERE deployment = @deployment AND batch_id = @batch_id ORDER BY id DESC LIMIT 1
    ) AS last
    WHERE last.log_root = @log_root AND last.tx_hash = @tx_hash AND last.block_hash = @block_hash
);
