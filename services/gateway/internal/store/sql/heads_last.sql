-- The last records of chains.
SELECT wanted.chain, @row
FROM unnest($1::text[]) AS wanted (chain)
CROSS JOIN LATERAL (SELECT * FROM sales.sale x WHERE x.chain = wanted.chain ORDER BY x.record_number DESC LIMIT 1) s;
