-- What SaleAnchored said, one row a sale. Each is held against the anchor's journal, where all of it was written before it was said: the
-- leaf, its batch, and any step of the batch that had this transaction and block, so that what was true when it was said stays so. The
-- later saying stands: a newer deployment's, then that of the later step, then the firmer one. Its time orders nothing and is never beyond
-- now: it is the sender's word. Returns the places, from 0, of those that the journal belies.
-- LATERAL with a limit keeps the planner at look-ups by key, however large the journal is.
WITH said AS MATERIALIZED (
    SELECT sale_id::uuid, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei::numeric, leaf, proof, root,
           chain_id::numeric, contract, tx_hash, block_number::numeric, block_hash, finality, said_at, place
    FROM unnest(@sale_id::text[], @deployment::bigint[], @batch_id::bigint[], @leaf_index::integer[], @store_id::text[], @sale_hash::bytea[],
                @amount_wei::text[], @leaf::bytea[], @proof::bytea[], @root::bytea[], @chain_id::text[], @contract::bytea[],
                @tx_hash::bytea[], @block_number::text[], @block_hash::bytea[], @finality::text[], @said_at::timestamptz[])
         WITH ORDINALITY AS said (sale_id, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei, leaf, proof, root, chain_id, contract, tx_hash,
                                  block_number, block_hash, finality, said_at, place)
), journaled AS MATERIALIZED (
    SELECT said.*, step.id AS step, array_position(ARRAY['latest', 'safe', 'finalized'], said.finality) AS firm FROM said
    CROSS JOIN LATERAL (
        SELECT FROM anchor.leaf l
        WHERE l.sale_id = said.sale_id AND l.sale_hash = said.sale_hash AND l.amount_wei = said.amount_wei AND l.store_id = said.store_id LIMIT 1
    ) AS leaf
    CROSS JOIN LATERAL (
        SELECT FROM anchor.batch_leaf m
        WHERE m.sale_id = said.sale_id AND m.deployment = said.deployment AND m.batch_id = said.batch_id AND m.leaf_index = said.leaf_index LIMIT 1
    ) AS member
    CROSS JOIN LATERAL (
        SELECT FROM anchor.batch b WHERE b.deployment = said.deployment AND b.batch_id = said.batch_id AND b.root = said.root LIMIT 1
    ) AS batch
    CROSS JOIN LATERAL (
        SELECT FROM anchor.deployment d WHERE d.id = said.deployment AND d.chain_id = said.chain_id AND d.contract = said.contract LIMIT 1
    ) AS deployment
    CROSS JOIN LATERAL (
        SELECT e.id FROM anchor.batch_event e
        WHERE e.deployment = said.deployment AND e.batch_id = said.batch_id
          AND (e.state = 'final' OR e.state = 'mined' AND said.finality <> 'finalized')
          AND e.tx_hash = said.tx_hash AND e.block_number = said.block_number AND e.block_hash = said.block_hash
        ORDER BY e.id DESC LIMIT 1
    ) AS step
), written AS (
    INSERT INTO ledger.anchored AS held (sale_id, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei, leaf, proof, root,
                                         chain_id, contract, tx_hash, block_number, block_hash, finality, at, step)
    SELECT DISTINCT ON (sale_id)
           sale_id, deployment, batch_id, leaf_index, store_id, sale_hash, amount_wei, leaf, proof, root,
           chain_id, contract, tx_hash, block_number, block_hash, finality, least(said_at, clock_timestamp()), step
    FROM journaled
    ORDER BY sale_id, deployment DESC, step DESC, firm DESC, said_at
    ON CONFLICT (sale_id) DO UPDATE SET
        deployment = excluded.deployment, batch_id = excluded.batch_id, leaf_index = excluded.leaf_index, store_id = excluded.store_id,
        sale_hash = excluded.sale_hash, amount_wei = excluded.amount_wei, leaf = excluded.leaf, proof = excluded.proof, root = excluded.root,
        chain_id = excluded.chain_id, contract = excluded.contract, tx_hash = excluded.tx_hash, block_number = excluded.block_number,
        block_hash = excluded.block_hash, finality = excluded.finality, at = excluded.at,
        step = excluded.step
    WHERE (held.deployment, held.step, array_position(ARRAY['latest', 'safe', 'finalized'], held.finality))
        < (excluded.deployment, excluded.step, array_position(ARRAY['latest', 'safe', 'finalized'], excluded.finality))
)
SELECT place::int - 1 FROM said WHERE place NOT IN (SELECT place FROM journaled) ORDER BY place
