-- What SaleAnchored said, one row a sale. The later saying stands: a newer deployment, or a later word of the same one.
INSERT INTO ledger.anchored AS held (sale_id, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei, leaf, proof, root,
                                     chain_id, contract, tx_hash, block_number, block_hash, finality, at)
SELECT DISTINCT ON (sale_id)
       sale_id::uuid, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei::numeric, leaf, proof, root,
       chain_id::numeric, contract, tx_hash, block_number::numeric, block_hash, finality, said_at
FROM unnest(@sale_id::text[], @deployment::bigint[], @batch_id::bigint[], @leaf_index::integer[], @store_id::text[], @sale_hash::bytea[],
            @amount_wei::text[], @leaf::bytea[], @proof::bytea[], @root::bytea[], @chain_id::text[], @contract::bytea[],
            @tx_hash::bytea[], @block_number::text[], @block_hash::bytea[], @finality::text[], @said_at::timestamptz[])
     AS said (sale_id, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei, leaf, proof, root, chain_id, contract, tx_hash,
              block_number, block_hash, finality, said_at)
ORDER BY sale_id, deployment DESC, said_at DESC
ON CONFLICT (sale_id) DO UPDATE SET
    deployment = excluded.deployment, batch_id = excluded.batch_id, leaf_index = excluded.leaf_index, store_id = excluded.store_id,
    sale_hash = excluded.sale_hash, amount_wei = excluded.amount_wei, leaf = excluded.leaf, proof = excluded.proof, root = excluded.root,
    chain_id = excluded.chain_id, contract = excluded.contract, tx_hash = excluded.tx_hash, block_number = excluded.block_number,
    block_hash = excluded.block_hash, finality = excluded.finality, at = excluded.at
WHERE (held.deployment, held.at) < (excluded.deployment, excluded.at)
