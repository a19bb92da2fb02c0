INSERT INTO anchor.batch_leaf (deployment, batch_id, sale_id, leaf_index)
SELECT @deployment, @batch_id, * FROM unnest(@sale_ids::uuid[], @indexes::int[]);
