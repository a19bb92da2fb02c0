-- The latest event of each batch; an older one, delivered again, changes nothing. Each is a row of the anchor's journal, which was written
-- before it was announced: its sequence is that row's id. Returns the indexes, from 0, of those that are not.
WITH msg AS MATERIALIZED (
    SELECT deployment, batch_id, root, size, state, tx_hash, nonce::numeric, block_number::numeric, block_hash, sequence, ordinal
    FROM unnest(@deployment::bigint[], @batch_id::bigint[], @root::bytea[], @size::integer[], @state::text[], @tx_hash::bytea[],
                @nonce::text[], @block_number::text[], @block_hash::bytea[], @sequence::bigint[])
         WITH ORDINALITY AS msg (deployment, batch_id, root, size, state, tx_hash, nonce, block_number, block_hash, sequence, ordinal)
), journaled AS MATERIALIZED (
    SELECT msg.*, event.at FROM msg
    CROSS JOIN LATERAL (
        SELECT e.at FROM anchor.batch_event e
        WHERE e.id = msg.sequence AND e.deployment = msg.deployment AND e.batch_id = msg.batch_id AND e.state = msg.state
          AND (e.tx_hash, e.nonce, e.block_number, e.block_hash) IS NOT DISTINCT FROM (msg.tx_hash, msg.nonce, msg.block_number, msg.block_hash) LIMIT 1
    ) AS event
    CROSS JOIN LATERAL (
        SELECT FROM anchor.batch b
        WHERE b.deployment = msg.deployment AND b.batch_id = msg.batch_id AND b.root = msg.root AND b.size = msg.size LIMIT 1
    ) AS batch
), written AS (
    INSERT INTO ledger.batch AS known (deployment, batch_id, root, size, state, tx_hash, nonce, block_number, block_hash, sequence, at)
    SELECT DISTINCT ON (deployment, batch_id)
           deployment, batch_id, root, size, state, tx_hash, nonce, block_number, block_hash, sequence, at
    FROM journaled
    ORDER BY deployment, batch_id, sequence DESC
    ON CONFLICT (deployment, batch_id) DO UPDATE SET
        root = excluded.root, size = excluded.size, state = excluded.state, tx_hash = excluded.tx_hash, nonce = excluded.nonce,
        block_number = excluded.block_number, block_hash = excluded.block_hash, sequence = excluded.sequence, at = excluded.at
    WHERE known.sequence < excluded.sequence
)
SELECT ordinal::int - 1 FROM msg WHERE ordinal NOT IN (SELECT ordinal FROM journaled) ORDER BY ordinal
