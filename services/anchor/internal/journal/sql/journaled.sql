-- Which leaf each sale has now. Read in a statement of its own: one that inserted or skipped would not see the row of a race.
SELECT n.place::int - 1, l.sale_hash
FROM unnest(@sale_ids::uuid[]) WITH ORDINALITY AS n (sale_id, place)
CROSS JOIN LATERAL (SELECT sale_hash FROM anchor.leaf WHERE sale_id = n.sale_id LIMIT 1) AS l;
