INSERT INTO sales.chain_ended (chain, terminal_id, series, records, head_hash)
SELECT terminal_id || CASE WHEN series > 1 THEN '~' || series ELSE '' END, terminal_id, series, records, head_hash
FROM sales.terminal_head WHERE records > 0;
