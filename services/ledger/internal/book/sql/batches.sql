-- The latest step of each batch; an older one, delivered again, changes nothing. Each is a row of the anchor's journal, which was written
-- before it was said: its sequence is that row's id. Returns the places, from 0, of those that are not.
WITH said AS MATERIALIZED (
    SELECT deployment, batch_id, root, size, state, tx_hash, nonce::numeric, block_number::numeric, block_hash, sequence, place
    FROM unnest(@deployment::bigint[], @batch_id::bigint[], @root::bytea[], @size::integer[], @state::text[], @tx_hash::bytea[],
                @nonce::text[], @block_number::text[], @block_hash::bytea[], @sequence::bigint[])
         WITH ORDINALITY AS said (deployment, batch_id, root, size, state, tx_hash, nonce, block_number, block_hash, sequence, place)
), journaled AS MATERIALIZED (
    SELECT said.*, step.at FROM said
    CROSS JOIN LATERAL (
        SELECT e.at FROM anchor.batch_event e
        WHERE e.id = said.sequence AND e.deployment = said.deployment AND e.batch_id = said.batch_id AND e.state = said.state
          AND (e.tx_hash, e.nonce, e.block_number, e.block_hash) IS NOT DISTINCT FROM (said.tx_hash, said.nonce, said.block_number, said.block_hash) LIMIT 1
    ) AS step
    CROSS JOIN LATERAL (
        SELECT FROM anchor.batch b
        WHERE b.deployment = said.deployment AND b.batch_id = said.batch_id AND b.root = said.root AND b.size = said.size LIMIT 1
    ) AS batch
), written AS (
    INSERT INTO ledger.batch AS held (deployment, batch_id, root, size, state, tx_hash, nonce, block_number, block_hash, sequence, at)
    SELECT DISTINCT ON (deployment, batch_id)
           deployment, batch_id, root, size, state, tx_hash, nonce, block_number, block_hash, sequence, at
    FROM journaled
    ORDER BY deployment, batch_id, sequence DESC
    ON CONFLICT (deployment, batch_id) DO UPDATE SET
        root = excluded.root, size = excluded.size, state = excluded.state, tx_hash = excluded.tx_hash, nonce = excluded.nonce,
        block_number = excluded.block_number, block_hash = excluded.block_hash, sequence = excluded.sequence, at = excluded.at
    WHERE held.sequence < excluded.sequence
)
SELECT place::int - 1 FROM said WHERE place NOT IN (SELECT place FROM journaled) ORDER BY place
