-- A terminal's chains, the present one last, each with its last closing: one snapshot, without the head's lock.
SELECT c.series, c.records, c.head_hash, last.closing_number, last.to_number, last.closed_at_us
FROM (SELECT series, records, head_hash, terminal_id || CASE WHEN series > 1 THEN '~' || series ELSE '' END AS chain
      FROM sales.terminal_head WHERE terminal_id = $1
      UNION ALL
      SELECT series, records, head_hash, chain FROM sales.chain_ended WHERE terminal_id = $1) c
LEFT JOIN LATERAL (
    SELECT x.closing_number, x.to_number, x.closed_at_us FROM sales.closing x WHERE x.chain = c.chain ORDER BY x.closing_number DESC LIMIT 1
) last ON true
ORDER BY c.series;
