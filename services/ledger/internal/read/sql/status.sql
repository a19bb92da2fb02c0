-- How far a sale has come: the newest deployment's batch that holds it, and what the anchor last said about that batch.
SELECT s.sale_id::text, m.batch_id::text AS batch_id, said.state, said.tx_hash, said.block_number::text AS block_number
FROM sales.sale s
LEFT JOIN LATERAL (
    SELECT deployment, batch_id FROM anchor.batch_leaf WHERE sale_id = s.sale_id ORDER BY deployment DESC LIMIT 1
) m ON true
LEFT JOIN ledger.batch said ON said.deployment = m.deployment AND said.batch_id = m.batch_id
WHERE s.sale_id = @sale_id
