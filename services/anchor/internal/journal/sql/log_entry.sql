SELECT root, size FROM anchor.batch WHERE deployment = @deployment AND batch_id = @batch_id;
