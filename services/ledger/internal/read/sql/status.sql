-- How far a sale has come: its batch at the newest deployment that is not retired, and what the anchor last announced about that batch.
SELECT s.sale_id::text, m.batch_id::text AS batch_id, known.state, known.tx_hash, known.block_number::text AS block_number
FROM sales.sale s
LEFT JOIN LATERAL (
    SELECT t.deployment, t.batch_id FROM anchor.batch_leaf t JOIN anchor.deployment n ON n.id = t.deployment AND NOT n.retired
    WHERE t.sale_id = s.sale_id ORDER BY t.deployment DESC LIMIT 1
) m ON true
LEFT JOIN ledger.batch known ON known.deployment = m.deployment AND known.batch_id = m.batch_id
WHERE s.sale_id = @sale_id
