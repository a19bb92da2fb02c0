-- Which records have these numbers: the first of each, not one that came again offline.
SELECT wanted.terminal_id, wanted.terminal_seq, s.sale_id
FROM unnest($1::text[], $2::bigint[]) AS wanted (terminal_id, terminal_seq)
CROSS JOIN LATERAL (SELECT sale_id FROM sales.sale x
                    WHERE x.terminal_id = wanted.terminal_id AND x.terminal_seq = wanted.terminal_seq AND NOT x.seq_reused LIMIT 1) s;
