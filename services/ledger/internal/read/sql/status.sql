-- How far a sale has come: its batch at the newest deployment that is not retired, and what the anchor last announced about that batch; or what
-- holds it back, while it has no leaf: with one it goes on, whatever was parked. Only an operator releases what is held, a message that was
-- discarded included: its sale is in no batch either, and pending would say that it is on its way.
SELECT s.sale_id::text, m.batch_id::text AS batch_id, known.state, known.tx_hash, known.block_number::text AS block_number,
       held.state AS held, held.reason
FROM sales.sale s
LEFT JOIN LATERAL (
    SELECT t.deployment, t.batch_id FROM anchor.batch_leaf t JOIN anchor.deployment n ON n.id = t.deployment AND NOT n.retired
    WHERE t.sale_id = s.sale_id ORDER BY t.deployment DESC LIMIT 1
) m ON true
LEFT JOIN ledger.batch known ON known.deployment = m.deployment AND known.batch_id = m.batch_id
LEFT JOIN LATERAL (
    SELECT p.state, p.reason FROM ledger.parking p
    WHERE p.sale_id = s.sale_id AND p.holds AND p.state IN ('parked', 'discarded')
      AND NOT EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = p.sale_id)
    ORDER BY p.state = 'parked' DESC, p.at DESC LIMIT 1
) held ON true
WHERE s.sale_id = @sale_id
