SELECT wanted.terminal_id, wanted.terminal_seq
FROM unnest($1::text[], $2::bigint[]) AS wanted (terminal_id, terminal_seq)
CROSS JOIN LATERAL (SELECT 1 FROM sales.sale x
                    WHERE x.terminal_id = wanted.terminal_id AND x.terminal_seq = wanted.terminal_seq LIMIT 1) s;
