-- The first leaf journaled for a sale stands; a second changes nothing.
INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, rate_id, store_id)
SELECT * FROM unnest(@sale_ids::uuid[], @hashes::bytea[], @amounts::numeric[], @rates::text[], @stores::text[])
ON CONFLICT (sale_id) DO NOTHING;
