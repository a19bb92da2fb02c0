-- A store's closings before one, newest first. A chain's closings are closed one after the other, so that no two share a place.
SELECT closed_at_us, chain, body FROM sales.closing
WHERE store_id = $1 AND (closed_at_us, chain) < ($2, $3)
ORDER BY closed_at_us DESC, chain DESC LIMIT $4;
