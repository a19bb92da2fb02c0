SELECT log_root, nodes FROM anchor.foreign_batch WHERE deployment = @deployment AND batch_id = @batch_id ORDER BY id DESC LIMIT 1;
