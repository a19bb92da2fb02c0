-- A store's closings before one, newest first. A chain's closings are closed one after the other, so that no two share a place. The order
-- is the index's to its last column: no other index has it.
SELECT closed_at_us, chain, body FROM sales.closing
WHERE store_id >= $1 AND (store_id, closed_at_us, chain) < ($1, $2, $3)
ORDER BY store_id DESC, closed_at_us DESC, chain DESC LIMIT $4;
