-- A contract's log as it is now: a given deployment's, the newest one's at a contract, or the newest one's; one that is retired has none.
-- With it the journal's batch that is asked for, which is the last one of the log when nothing else is, and whether the last batch of a
-- log of the size asked for is final.
SELECT d.id AS deployment, d.chain_id::text AS chain_id, d.contract,
       coalesce((SELECT p.block_number FROM anchor.deployed p WHERE p.deployment = d.id ORDER BY p.id DESC LIMIT 1), 0)::text AS deployed_block,
       x.ours, x.size, coalesce((SELECT max(f.id) FROM anchor.foreign_batch f), 0) AS foreign_row, b.root AS batch_root, b.size::bigint AS batch_size,
       EXISTS (SELECT FROM anchor.batch_event e WHERE e.deployment = d.id AND e.batch_id = @size::bigint AND e.state = 'final') AS final
FROM (
    SELECT id, chain_id, contract FROM anchor.deployment
    WHERE NOT retired AND (@deployment::bigint IS NULL OR id = @deployment) AND (@contract::bytea IS NULL OR contract = @contract)
    ORDER BY id DESC LIMIT 1
) d
JOIN anchor.extent x ON x.deployment = d.id
LEFT JOIN anchor.batch b ON b.deployment = d.id AND b.batch_id = coalesce(@batch_id::bigint, @size::bigint, x.size)
