-- The same of one chain: within it a greater number is closed later, whatever the clocks of the gateways say.
SELECT closed_at_us, chain, body FROM sales.closing
WHERE chain = $5 AND store_id = $1 AND (closed_at_us, chain) < ($2, $3)
ORDER BY closing_number DESC LIMIT $4;
