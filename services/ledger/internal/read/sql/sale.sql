-- A sale, how far it has come and everything that its proof is made of but its batch's place in the log, in one snapshot; what is null is not there
-- yet. A retired deployment's
-- batches prove nothing. held is what holds the sale back, while it has no leaf: with one it goes on, whatever was parked. Only an operator releases
-- what is held, a message that was discarded included.
SELECT s.sale_id::text, s.kind, coalesce(s.refund_of::text, '') AS refund_of, s.store_id, s.chain AS terminal_id, s.record_number, s.previous_hash,
       coalesce(s.customer_id, '') AS customer_id,
       s.currency, s.total, s.points_delta, s.points_balance, s.points_earned, s.points_redeemed, s.purchase_number, s.recorded_at_us, s.request, s.salt, s.sale_hash,
       coalesce((SELECT p.promise FROM sales.promise p WHERE p.sale_id = s.sale_id), '') AS promise,
       l.sale_hash AS leaf_sale_hash, l.amount_wei::text AS amount_wei,
       r.value AS rate_value, r.currency AS rate_currency, r.tier AS rate_tier, r.sources AS rate_sources, r.observed_at AS rate_observed_at,
       m.deployment, m.batch_id, m.leaf_index, b.root, b.size, d.chain_id::text AS chain_id, d.contract,
       known.state, known.root AS announced_root, known.tx_hash, known.block_number::text AS block_number, known.block_hash,
       held.state AS held, held.reason
FROM sales.sale s
LEFT JOIN anchor.leaf l ON l.sale_id = s.sale_id
LEFT JOIN anchor.rate r ON r.id = l.rate_id
LEFT JOIN LATERAL (
    SELECT t.deployment, t.batch_id, t.leaf_index FROM anchor.batch_leaf t JOIN anchor.deployment n ON n.id = t.deployment AND NOT n.retired
    WHERE t.sale_id = s.sale_id ORDER BY t.deployment DESC LIMIT 1
) m ON true
LEFT JOIN anchor.batch b ON b.deployment = m.deployment AND b.batch_id = m.batch_id
LEFT JOIN anchor.deployment d ON d.id = m.deployment
LEFT JOIN ledger.batch known ON known.deployment = m.deployment AND known.batch_id = m.batch_id
LEFT JOIN LATERAL (
    SELECT p.state, p.reason FROM ledger.parking p
    WHERE p.sale_id = s.sale_id AND p.holds AND p.state IN ('parked', 'discarded')
      AND NOT EXISTS (SELECT FROM anchor.leaf o WHERE o.sale_id = p.sale_id)
    ORDER BY p.state = 'parked' DESC, p.at DESC LIMIT 1
) held ON true
WHERE s.sale_id = @sale_id
