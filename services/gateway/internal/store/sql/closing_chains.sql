-- A terminal's chains, the present one last, each with the last closing in its name and the last one of its records: one snapshot, without the
-- head's lock. Of closings up to the same record the later ones are empty.
SELECT c.series, c.records, c.head_hash, named.closing_number, named.closed_at_us, covering.to_number, covering.closed_at_us
FROM (SELECT series, records, head_hash, terminal_id || CASE WHEN series > 1 THEN '~' || series ELSE '' END AS chain
      FROM sales.terminal_head WHERE terminal_id = $1
      UNION ALL
      SELECT series, records, head_hash, chain FROM sales.chain_ended WHERE terminal_id = $1) c
LEFT JOIN LATERAL (
    SELECT x.closing_number, x.closed_at_us FROM sales.closing x WHERE x.chain = c.chain ORDER BY x.closing_number DESC LIMIT 1
) named ON true
LEFT JOIN LATERAL (
    SELECT x.to_number, x.closed_at_us FROM sales.closing x WHERE coalesce(x.records_of, x.chain) = c.chain ORDER BY x.to_number DESC, x.closed_at_us DESC LIMIT 1
) covering ON true
ORDER BY c.series;
