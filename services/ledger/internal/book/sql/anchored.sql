-- What SaleAnchored announced, one row a sale. Each is compared with the anchor's journal, where all of it was written before it was
-- announced: the leaf, its batch, and any event of the batch with this transaction and block, so that what was true when it was announced
-- is still accepted later. Of several the latest is kept: a newer deployment's, then that of the later event, then the firmer one. The time
-- orders nothing and is never later than now, since the sender may write any. Returns the indexes, from 0, of those that the journal
-- contradicts.
-- LATERAL with a limit keeps the planner at look-ups by key, however large the journal is.
WITH msg AS MATERIALIZED (
    SELECT sale_id::uuid, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei::numeric, leaf, proof, root,
           chain_id::numeric, contract, tx_hash, block_number::numeric, block_hash, finality, announced_at, ordinal
    FROM unnest(@sale_id::text[], @deployment::bigint[], @batch_id::bigint[], @leaf_index::integer[], @store_id::text[], @sale_hash::bytea[],
                @amount_wei::text[], @leaf::bytea[], @proof::bytea[], @root::bytea[], @chain_id::text[], @contract::bytea[],
                @tx_hash::bytea[], @block_number::text[], @block_hash::bytea[], @finality::text[], @announced_at::timestamptz[])
         WITH ORDINALITY AS msg (sale_id, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei, leaf, proof, root, chain_id, contract, tx_hash,
                                 block_number, block_hash, finality, announced_at, ordinal)
), journaled AS MATERIALIZED (
    SELECT msg.*, event.id AS step, array_position(ARRAY['latest', 'safe', 'finalized'], msg.finality) AS firm FROM msg
    CROSS JOIN LATERAL (
        SELECT FROM anchor.leaf l
        WHERE l.sale_id = msg.sale_id AND l.sale_hash = msg.sale_hash AND l.amount_wei = msg.amount_wei AND l.store_id = msg.store_id LIMIT 1
    ) AS leaf
    CROSS JOIN LATERAL (
        SELECT FROM anchor.batch_leaf m
        WHERE m.sale_id = msg.sale_id AND m.deployment = msg.deployment AND m.batch_id = msg.batch_id AND m.leaf_index = msg.leaf_index LIMIT 1
    ) AS member
    CROSS JOIN LATERAL (
        SELECT FROM anchor.batch b WHERE b.deployment = msg.deployment AND b.batch_id = msg.batch_id AND b.root = msg.root LIMIT 1
    ) AS batch
    CROSS JOIN LATERAL (
        SELECT FROM anchor.deployment d WHERE d.id = msg.deployment AND d.chain_id = msg.chain_id AND d.contract = msg.contract LIMIT 1
    ) AS deployment
    CROSS JOIN LATERAL (
        SELECT e.id FROM anchor.batch_event e
        WHERE e.deployment = msg.deployment AND e.batch_id = msg.batch_id
          AND (e.state = 'final' OR e.state = 'mined' AND msg.finality <> 'finalized')
          AND e.tx_hash = msg.tx_hash AND e.block_number = msg.block_number AND e.block_hash = msg.block_hash
        ORDER BY e.id DESC LIMIT 1
    ) AS event
), written AS (
    INSERT INTO ledger.anchored AS known (sale_id, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei, leaf, proof, root,
                                          chain_id, contract, tx_hash, block_number, block_hash, finality, at, step)
    SELECT DISTINCT ON (sale_id)
           sale_id, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei, leaf, proof, root,
           chain_id, contract, tx_hash, block_number, block_hash, finality, least(announced_at, clock_timestamp()), step
    FROM journaled
    ORDER BY sale_id, deployment DESC, step DESC, firm DESC, announced_at
    ON CONFLICT (sale_id) DO UPDATE SET
        deployment = excluded.deployment, batch_id = excluded.batch_id, leaf_index = excluded.leaf_index, store_id = excluded.store_id,
        sale_hash = excluded.sale_hash, amount_wei = excluded.amount_wei, leaf = excluded.leaf, proof = excluded.proof, root = excluded.root,
        chain_id = excluded.chain_id, contract = excluded.contract, tx_hash = excluded.tx_hash, block_number = excluded.block_number,
        block_hash = excluded.block_hash, finality = excluded.finality, at = excluded.at,
        step = excluded.step
    WHERE (known.deployment, known.step, array_position(ARRAY['latest', 'safe', 'finalized'], known.finality))
        < (excluded.deployment, excluded.step, array_position(ARRAY['latest', 'safe', 'finalized'], excluded.finality))
)
SELECT ordinal::int - 1 FROM msg WHERE ordinal NOT IN (SELECT ordinal FROM journaled) ORDER BY ordinal
