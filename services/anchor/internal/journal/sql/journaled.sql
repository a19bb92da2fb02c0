-- Which leaf each sale has now. Read in a statement of its own: the one that inserted would not see a row that another transaction added
-- meanwhile.
SELECT n.ordinal::int - 1, l.sale_hash
FROM unnest(@sale_ids::uuid[]) WITH ORDINALITY AS n (sale_id, ordinal)
CROSS JOIN LATERAL (SELECT sale_hash FROM anchor.leaf WHERE sale_id = n.sale_id LIMIT 1) AS l;
