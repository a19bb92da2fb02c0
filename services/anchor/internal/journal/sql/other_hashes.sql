-- Read in a statement of its own: one that inserted or skipped would not see the row of a race.
SELECT n.sale_id, n.sale_hash
FROM unnest(@sale_ids::uuid[], @hashes::bytea[]) AS n (sale_id, sale_hash)
JOIN anchor.leaf l ON l.sale_id = n.sale_id
WHERE l.sale_hash <> n.sale_hash;
